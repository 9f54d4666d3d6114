import type { Budget } from "../http2/budget.ts";
import type { Http2Limits } from "../http2/limits.ts";
import type { Output } from "../http2/output.ts";
import { Overdue } from "../http2/overdue.ts";
import type { ByteStream } from "../runtime/machine.ts";

/** How long a client may take nothing while the process holds too much: the second sweep ends it, as it ends a stream of HTTP/2. */
const PRESSED_MS = 1_000;

/** The bytes of answers that wait for a client to read, as long as they do: they count for the whole process, and must move. */
export class Backlog {
  readonly #stream: ByteStream;
  readonly #output: Output;
  readonly #limits: Http2Limits;
  readonly #budget: Budget;
  readonly #overdue: Overdue;
  #counted = 0;

  constructor(stream: ByteStream, output: Output, limits: Http2Limits, budget: Budget) {
    this.#stream = stream;
    this.#output = output;
    this.#limits = limits;
    this.#budget = budget;
    this.#overdue = new Overdue(limits, output);
  }

  /** To be called when something was written, or has left. Costs nothing while the socket takes all. */
  count(): void {
    const waiting = this.#output.blocked ? this.#stream.queued() + this.#output.position : 0;
    if (waiting !== this.#counted) this.#set(waiting);
  }

  #set(waiting: number): void {
    const more = waiting - this.#counted;
    this.#counted = waiting;
    if (more > 0) this.#budget.hold(more);
    else this.#budget.release(-more);
  }

  /** Bytes that the machine has not handed to the kernel. */
  get queued(): number {
    return this.#stream.queued();
  }

  /** @returns true when the client has taken next to nothing for too long */
  stalled(ms: number): boolean {
    this.count();
    const { stallBytes, stallTimeout } = this.#limits;
    const greedy = this.#budget.exhausted && this.#counted > stallBytes;
    return this.#overdue.blocked(ms, this.queued, greedy ? PRESSED_MS : stallTimeout);
  }

  close(): void {
    this.#set(0);
  }
}
