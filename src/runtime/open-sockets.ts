/** Counts the sockets of one machine that are open, listening ones included. Shared by everything that opens one. */
export interface OpenSockets {
  count: number;
}

/** Counts something that emits `close` exactly once, from now until then. */
export function countUntilClose(open: OpenSockets, socket: { once(event: "close", run: () => void): unknown }): void {
  open.count++;
  socket.once("close", () => open.count--);
}
