import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import { type Http2Limits, RateLimit } from "./limits.ts";
import type { Output } from "./output.ts";

/**
 * Frames that change nothing, a second: so many times the limit of WINDOW_UPDATE frames on stream 0. Far above what clients send
 * in good faith: browsers send a PRIORITY or PRIORITY_UPDATE frame a request, and a WINDOW_UPDATE or RST_STREAM can cross with
 * the end of its stream.
 */
const ASIDES = 10;

function calm(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `too many ${what}`);
}

/**
 * Counts the frames that cost us work and the peer nothing (CVE-2019-9512 to 9518, CVE-2025-8671), and ends the connection
 * when there are more than the limits allow. Rates are per sweep, about a second.
 */
export class Patience {
  readonly #limits: Http2Limits;
  readonly #output: Output;
  readonly #settings: RateLimit;
  readonly #emptyData: RateLimit;
  #pings = 0;
  #windowUpdates = 0;
  #asides = 0;
  #provoked = 0;
  /** DATA frames sent up to the last sweep, and up to the one before: peers answer late. */
  #dataFramesThen = 0;
  #dataFramesBefore = 0;

  /** @param output tells how many DATA frames we have sent: they earn the peer PING and WINDOW_UPDATE frames */
  constructor(limits: Http2Limits, output: Output) {
    this.#limits = limits;
    this.#output = output;
    this.#settings = new RateLimit(limits.settingsPerSecond);
    this.#emptyData = new RateLimit(limits.emptyDataPerSecond);
  }

  settings(): void {
    if (this.#settings.exceeded()) throw calm("SETTINGS frames");
  }

  /** A DATA frame without data and without END_STREAM. */
  emptyData(): void {
    if (this.#emptyData.exceeded()) throw calm("empty DATA frames");
  }

  /** grpc-go and gRPC C-core measure bandwidth with a PING per round trip while data comes in. */
  ping(): void {
    if (++this.#pings > this.#limits.pingsPerSecond + this.#dataFrames()) throw calm("PING frames");
  }

  /** On stream 0. Peers give credit for what they got, at most once a DATA frame. */
  windowUpdate(): void {
    if (++this.#windowUpdates > this.#limits.windowUpdatesPerSecond + this.#dataFrames()) {
      throw calm("WINDOW_UPDATE frames");
    }
  }

  /**
   * A frame that is ignored, or concerns one stream only: PRIORITY, unknown types, answers that nobody asked for, anything for
   * streams that are gone (CVE-2019-9513), and WINDOW_UPDATE on a stream. DATA frames earn those.
   */
  aside(): void {
    if (++this.#asides > this.#limits.windowUpdatesPerSecond * ASIDES + this.#dataFrames()) {
      throw calm("frames that change nothing");
    }
  }

  /** The peer made us reset a stream; counted over the life of the connection. */
  provoked(): void {
    if (++this.#provoked > this.#limits.provokedResets) throw calm("stream errors");
  }

  sweep(): void {
    this.#settings.sweep();
    this.#emptyData.sweep();
    this.#pings = 0;
    this.#windowUpdates = 0;
    this.#asides = 0;
    this.#dataFramesBefore = this.#dataFramesThen;
    this.#dataFramesThen = this.#output.dataFrames;
  }

  #dataFrames(): number {
    return this.#output.dataFrames - this.#dataFramesBefore;
  }
}
