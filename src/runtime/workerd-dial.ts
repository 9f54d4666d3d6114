import type { Address, Dial } from "./machine.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { WebStream } from "./web-stream.ts";

/**
 * TCP connections of Cloudflare Workers. A connection belongs to the request that opened it, or to the Durable Object: see
 * docs/serverless.md. TLS is refused: these sockets offer no ALPN, without which gRPC servers refuse HTTP/2 over TLS, and verify
 * no other name than the dialled one, which for pods is an address.
 */
export function createWorkerdDial(open: OpenSockets): Dial {
  return (address, options, handler) => {
    const name = nameOf(address);
    open.count++;
    const stream = new WebStream(name, {
      opened: () => handler.opened?.(),
      received: (bytes) => handler.received(bytes),
      drained: () => handler.drained(),
      ended: () => handler.ended(),
      closed: (reason) => {
        open.count--;
        clearTimeout(timer);
        handler.closed(reason);
      },
    });
    const timer = setTimeout(
      () => stream.fail(new Error(`connect ${name}: not established within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    );
    const refusal = refusalOf(address, options.tls !== undefined);
    if (refusal !== null) stream.fail(new Error(`connect ${name}: ${refusal}`));
    else if (address.kind === "tcp") void connectTo(address, stream, name).finally(() => clearTimeout(timer));
    return stream;
  };
}

async function connectTo(
  address: Extract<Address, { readonly kind: "tcp" }>,
  stream: WebStream,
  name: string,
): Promise<void> {
  try {
    // Only workerd has it, and only while a request is handled.
    const { connect } = await import("cloudflare:sockets");
    const socket = connect({ hostname: address.host, port: address.port }, { allowHalfOpen: true });
    // Reported by reading and writing; unhandled it would be told as an error of the whole worker.
    socket.closed.catch(() => {});
    await socket.opened;
    stream.opened(socket);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    stream.fail(new Error(`connect ${name}: ${message}`, { cause: error }));
  }
}

function refusalOf(address: Address, tls: boolean): string | null {
  if (address.kind === "unix") return "this platform has no Unix sockets";
  if (tls) {
    return "TLS to pods needs ALPN and the Service's name, which this platform's sockets offer neither of; chain to a gateway in the cluster over https instead";
  }
  return null;
}

function nameOf(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
