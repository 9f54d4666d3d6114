import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";

/** What a ClusterIP or a load balancer of layer 4 is: one address, whose every new connection goes to one of several. */
export interface Service {
  readonly port: number;
  /** New connections go there too from now on. */
  add(address: string): void;
  /** No new connection goes there from now on; those that are open stay. */
  remove(address: string): void;
  close(): void;
}

/** @param addresses taken in turn */
export async function startService(addresses: readonly string[]): Promise<Service> {
  let left = [...addresses];
  let turn = 0;
  const sockets = new Set<Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const [host, port] = left[turn++ % left.length].split(":");
    const behind = net.connect({ host, port: Number(port), allowHalfOpen: true });
    for (const [from, to] of [
      [client, behind],
      [behind, client],
    ]) {
      sockets.add(from);
      from.setNoDelay(true);
      from.pipe(to);
      // What one side does to its connection is done to the other side's.
      from.on("error", () => to.resetAndDestroy());
      from.once("close", () => sockets.delete(from));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    add: (address) => {
      left.push(address);
    },
    remove: (address) => {
      left = left.filter((one) => one !== address);
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
