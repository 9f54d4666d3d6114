import type { Budget } from "./budget.ts";
import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import { DEFAULT_WINDOW } from "./frame.ts";

/** While the process holds too much, bytes that have left are credited in such portions: about a DATA frame. */
const PORTION_BYTES = 16_384;

/**
 * The connection's window for what the peer sends. Credit is given on receipt, so that a call that stalls does not stall the
 * others (invariant 7), half a window at a time. While the process holds too much, it is given for bytes that leave, so that
 * what is held does not grow, and for the rest when there is room again: calls whose readers keep up go on.
 */
export class InboundWindow {
  readonly #budget: Budget;
  readonly #size: number;
  readonly #credit: (bytes: number) => void;
  readonly #give = (): void => this.#giveCredit();
  #window: number;
  #uncredited = 0;
  /** Bytes that have left since the last credit, whenever they came. */
  #left = 0;
  #starved = false;
  #closed = false;

  /** @param credit sends WINDOW_UPDATE for so many bytes */
  constructor(size: number, budget: Budget, credit: (bytes: number) => void) {
    this.#size = Math.max(size, DEFAULT_WINDOW);
    this.#window = this.#size;
    this.#budget = budget;
    this.#credit = credit;
  }

  /** What the first WINDOW_UPDATE adds to the initial window. */
  get initialCredit(): number {
    return this.#size - DEFAULT_WINDOW;
  }

  /** Bytes have arrived. @throws {@link ConnectionError} when the peer may not have sent them */
  take(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection window allows");
    }
    this.#uncredited += bytes;
    if (this.#uncredited >= this.#size >>> 1) this.#giveCredit();
  }

  /** Bytes that were taken have left, or were thrown away. */
  left(bytes: number): void {
    this.#left += bytes;
    if (this.#starved) this.#giveCredit();
  }

  /** No more credit is given. */
  close(): void {
    this.#closed = true;
    this.#budget.forget(this.#give);
  }

  #giveCredit(): void {
    if (this.#closed) return;
    if (this.#budget.exhausted) {
      this.#starved = true;
      this.#budget.whenFree(this.#give);
      // All of it, however little, when the window is nearly used up: nothing may come any more that would bring us here.
      const left = Math.min(this.#left, this.#uncredited);
      if (left >= PORTION_BYTES || (left > 0 && this.#window < PORTION_BYTES)) this.#send(left);
      return;
    }
    this.#starved = false;
    // While it starved, all of it may have been given.
    if (this.#uncredited > 0) this.#send(this.#uncredited);
  }

  #send(bytes: number): void {
    this.#uncredited -= bytes;
    this.#left = 0;
    this.#window += bytes;
    this.#credit(bytes);
  }
}
