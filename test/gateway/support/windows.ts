import type { Connection } from "../../../src/http2/connection.ts";
import { DEFAULT_WINDOW } from "../../../src/http2/frame.ts";
import { Link as ByteLink } from "../../../src/http2/link.ts";
import type { ByteStream } from "../../../src/runtime/machine.ts";
import type { Link } from "./net.ts";

// Both ends of every connection, to compare what they think of each other. Every test file is a process of its own.
const owners = new Map<ByteStream, Connection>();
const { attach } = ByteLink.prototype;
ByteLink.prototype.attach = function (stream) {
  owners.set(stream, this as unknown as Connection);
  attach.call(this, stream);
};

/**
 * Flow-control windows when nothing is on its way: what one end may send is what the other one takes. Credit that was lost shows as
 * a window that stays small, credit that was given twice as one that is too large.
 * @param downstream those of them whose server is the gateway; of the others it is the client
 * @throws when an account does not come out even
 */
export function checkWindows(links: readonly Link[], downstream: readonly Link[]): void {
  for (const link of links) {
    const client = owners.get(link.client);
    const server = owners.get(link.server);
    if (client === undefined || server === undefined || !link.open || client.over || server.over) continue;
    checkDirection(client, server);
    checkDirection(server, client);
    const ours = downstream.includes(link) ? server : client;
    const odd = ours.streams.values().find((stream) => stream.unread < 0);
    if (odd !== undefined) throw new Error(`stream ${odd.id}: ${-odd.unread} bytes more have left than have come`);
  }
}

function checkDirection(from: Connection, to: Connection): void {
  for (const stream of from.streams.values()) {
    const other = to.streams.get(stream.id);
    // Nobody gives credit to a stream that has been sent whole.
    if (other === undefined || other.endReceived) continue;
    if (stream.sendWindow !== other.receiveWindow) {
      throw new Error(`stream ${stream.id}: may send ${stream.sendWindow}, and ${other.receiveWindow} is taken`);
    }
  }
  const size = Math.max(to.limits.connectionWindow, DEFAULT_WINDOW);
  const window = from.outbound.sendWindow;
  if (window > size) throw new Error(`connection: may send ${window}, more than the whole window of ${size}`);
  // Credit comes half a window at a time, but while the process holds too much.
  if (window < size / 2 && !to.budget.exhausted) throw new Error(`connection: may send ${window} only of ${size}`);
}

/** Another INITIAL_WINDOW_SIZE for all streams of this end, open ones included. While nothing is on its way. */
export async function changeWindow(end: Connection, size: number, settle: () => Promise<void>): Promise<void> {
  await settle();
  if (end.over) return;
  const difference = size - end.firstReceiveWindow;
  const change = () => {
    // An acknowledgement would put it back.
    Object.defineProperty(end, "firstReceiveWindow", { get: () => size, set: () => {}, configurable: true });
    for (const stream of end.streams.values()) stream.receiveWindow += difference;
  };
  // What the other end may send more has to be taken before it hears of it, what it may send less until it has heard.
  if (difference > 0) change();
  end.outbound.output.settings([[4, size]]);
  end.outbound.wake();
  await settle();
  if (difference < 0) change();
}
