import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import type { FrameReader } from "./frame-reader.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";

/**
 * What the peer of a connection owes us, and for how long: the rest of what it began to send, the acknowledgement of our
 * SETTINGS, and room in the socket. Fed once a sweep; times in milliseconds.
 */
export class Overdue {
  readonly #limits: Http2Limits;
  readonly #output: Output;
  #settingsUnacked = 0;
  #settingsAge = 0;
  #incompleteAge = 0;
  #completedThen = 0;
  #blockedAge = 0;
  #takenThen = 0;

  constructor(limits: Http2Limits, output: Output) {
    this.#limits = limits;
    this.#output = output;
  }

  settingsSent(): void {
    this.#settingsUnacked++;
  }

  settingsAcked(): void {
    if (this.#settingsUnacked > 0) this.#settingsUnacked--;
    this.#settingsAge = 0;
  }

  /** @returns why the connection must end; null when nothing is overdue */
  sweep(ms: number, reader: FrameReader): ConnectionError | null {
    const { incomplete, completed } = reader;
    // A busy peer may be in the middle of a block at every sweep; only the same block counts.
    this.#incompleteAge = incomplete && completed === this.#completedThen ? this.#incompleteAge + ms : 0;
    this.#completedThen = completed;
    if (this.#incompleteAge > this.#limits.headTimeout) {
      return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "a header block or the first SETTINGS took too long");
    }
    if (this.#settingsUnacked > 0) this.#settingsAge += ms;
    if (this.#settingsAge > this.#limits.settingsAckTimeout) {
      return new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS were not acknowledged in time");
    }
    return null;
  }

  /**
   * @param queued bytes that the machine has not handed to the kernel yet. Also few count: below its mark the stream does not
   * ask us to wait, and a peer that reads nothing could keep them for ever
   * @param longest milliseconds that the peer may take nothing
   * @returns true when the socket has taken next to nothing for so long that not even a GOAWAY would leave
   */
  blocked(ms: number, queued: number, longest = this.#limits.stallTimeout): boolean {
    const taken = this.#output.written - queued;
    if (queued === 0 || taken - this.#takenThen >= this.#limits.stallBytes) {
      this.#takenThen = taken;
      this.#blockedAge = 0;
      return false;
    }
    this.#blockedAge += ms;
    return this.#blockedAge > longest;
  }
}
