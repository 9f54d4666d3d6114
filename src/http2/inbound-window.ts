import type { Budget } from "./budget.ts";
import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import { DEFAULT_WINDOW } from "./frame.ts";

/**
 * The connection's window for what the peer sends. Credit is given on receipt, so that a call that stalls does not stall the
 * others (invariant 7), half a window at a time; while the process holds too much, it is given when there is room again.
 */
export class InboundWindow {
  readonly #budget: Budget;
  readonly #size: number;
  readonly #credit: (bytes: number) => void;
  readonly #give = (): void => this.#giveCredit();
  #window: number;
  #uncredited = 0;
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

  /** No more credit is given. */
  close(): void {
    this.#closed = true;
    this.#budget.forget(this.#give);
  }

  #giveCredit(): void {
    if (this.#closed) return;
    if (this.#budget.exhausted) {
      this.#budget.whenFree(this.#give);
      return;
    }
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#window += bytes;
    this.#credit(bytes);
  }
}
