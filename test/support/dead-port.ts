import { once } from "node:events";
import net from "node:net";
import { track } from "./harness.ts";

/**
 * A TCP port of 127.0.0.1 at which every connection is refused until the test has ended: the local end of a connection, on which nobody
 * listens, and which nobody else can be given meanwhile. A port that was only released may be another process's a moment later.
 */
export async function deadPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const accepted = once(server, "connection") as Promise<[net.Socket]>;
  const client = net.connect(port, "127.0.0.1");
  const [peer] = await accepted;
  for (const socket of [client, peer]) socket.on("error", () => {});
  track({
    close: async () => {
      const closed = Promise.all([once(client, "close"), once(peer, "close"), once(server, "close")]);
      client.destroy();
      peer.destroy();
      server.close();
      await closed;
    },
  });
  return peer.remotePort ?? 0;
}
