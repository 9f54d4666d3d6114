import { once } from "node:events";
import net from "node:net";

/** One connection that speaks HTTP/1.1, or pretends to. */
export class Plain {
  readonly socket: net.Socket;
  /** All that came back, latin1. */
  answer = "";
  closed = false;
  bytes = 0;
  readonly #waiters = new Set<() => void>();

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      this.answer += bytes.toString("latin1");
      this.#wake();
    });
    socket.on("drain", () => this.#wake());
    socket.once("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async connect(port: number): Promise<Plain> {
    const socket = net.connect({ host: "127.0.0.1", port });
    await once(socket, "connect");
    return new Plain(socket);
  }

  write(text: string): void {
    if (this.closed || this.socket.writableEnded) return;
    this.bytes += text.length;
    this.socket.write(text, "latin1");
  }

  /** Resolves when the condition holds, or when the connection is closed. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition() && !this.closed) return;
        this.#waiters.delete(look);
        resolve();
      };
      this.#waiters.add(look);
      look();
    });
  }

  /** The statuses of all answers so far, and whether the connection is closed: `200 404 closed`. */
  get end(): string {
    const statuses = [...this.answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
    return [...statuses, ...(this.closed ? ["closed"] : [])].join(" ");
  }

  close(): void {
    this.socket.destroy();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}
