import type { Address, ByteStream, ByteStreamHandler, DialTls, Listening, Machine } from "../../src/runtime/machine.ts";
import { createAuthority } from "../support/certs.ts";
import { track } from "../support/harness.ts";
import { noHttp1 } from "../support/http1-answers.ts";
import { type RecordingHandler, recordingHandler } from "../support/recording-handler.ts";

/** RFC 9113 3.4. */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const authority = createAuthority();
const server = authority.issue(["localhost", "127.0.0.1"]);

export const TRANSPORTS = ["tcp", "tls"] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface Accepted {
  readonly stream: ByteStream;
  readonly handler: RecordingHandler;
}

export interface Connection {
  readonly client: ByteStream;
  readonly clientHandler: RecordingHandler;
  readonly server: ByteStream;
  readonly serverHandler: RecordingHandler;
  readonly listening: Listening;
}

/** One end's extra actions, given its stream. */
export type Actions = (stream: () => ByteStream) => Partial<ByteStreamHandler>;

const none: Actions = () => ({});

export function dialTls(transport: Transport): { readonly tls?: DialTls } {
  return transport === "tls" ? { tls: { ca: authority.cert } } : {};
}

/** A dialled and an accepted stream, connected through a listener on a free port; the client has sent the preface. */
export async function connect(
  machine: Machine,
  transport: Transport,
  clientActions: Actions = none,
  serverActions: Actions = none,
): Promise<Connection> {
  let accept: (accepted: Accepted) => void = () => {};
  const accepted = new Promise<Accepted>((resolve) => {
    accept = resolve;
  });
  const listening = track(
    await machine.listen(
      { host: "127.0.0.1", port: 0, ...(transport === "tls" ? { tls: server } : {}) },
      {
        http2: (stream) => {
          const handler = recordingHandler(serverActions(() => stream));
          accept({ stream, handler });
          return handler;
        },
        http1: noHttp1,
      },
    ),
  );
  const clientHandler = recordingHandler(clientActions(() => client));
  const address: Address = { kind: "tcp", host: "127.0.0.1", port: listening.port };
  const client: ByteStream = machine.dial(address, { timeoutMs: 5000, ...dialTls(transport) }, clientHandler);
  await clientHandler.untilEvent("opened");
  client.write(bytesOf(PREFACE));
  const { stream, handler } = await accepted;
  await handler.until(() => handler.bytes().length === PREFACE.length);
  return { client, clientHandler, server: stream, serverHandler: handler, listening };
}
