import { Flag, FrameType } from "../../../src/http2/frame.ts";
import type { Party } from "./party.ts";

interface Sent {
  readonly id: number;
  bytes: number;
  ended: boolean;
}

/** Bodies whose every byte says whose it is and where it belongs, so that what arrives can be told from anything else. */
export class Bodies {
  readonly #sent = new Map<Party, Sent>();
  #lastId = 0;

  /** Of what this end sends; made for an end that has sent nothing yet. */
  of(call: Party): Sent {
    const known = this.#sent.get(call);
    if (known !== undefined) return known;
    const sent = { id: ++this.#lastId, bytes: 0, ended: false };
    this.#sent.set(call, sent);
    return sent;
  }

  send(call: Party, length: number): void {
    const sent = this.of(call);
    if (call.stream.closed || sent.ended) return;
    const bytes = slice(sent, length);
    sent.bytes += length;
    call.send(bytes);
  }

  /** The same as a padded DATA frame, which the engine never sends; nothing when it does not fit the windows now. */
  sendPadded(call: Party, length: number, padding: number): void {
    const sent = this.of(call);
    const { stream } = call;
    const { outbound } = stream.connection;
    const flow = 1 + length + padding;
    if (stream.closed || sent.ended || !stream.headSent || stream.queued > 0) return;
    if (stream.sendWindow < flow || outbound.sendWindow < flow || outbound.output.blocked) return;
    outbound.output.frame(flow, FrameType.DATA, Flag.PADDED, stream.id);
    outbound.output.bytes(Uint8Array.of(padding));
    outbound.output.bytes(slice(sent, length));
    outbound.output.bytes(new Uint8Array(padding));
    sent.bytes += length;
    stream.sendWindow -= flow;
    outbound.sendWindow -= flow;
    // Out at once: the stream would put END_STREAM onto the last frame of its own.
    outbound.flush();
  }

  finish(call: Party, trailers: readonly string[] | null = null): void {
    this.of(call).ended = true;
    call.finish(trailers);
  }

  /** @throws when what `to` has received is not the beginning of what `from` has sent; or, if it has `ended`, all of it */
  check(from: Party, to: Party, ended: boolean): void {
    const sent = this.of(from);
    const { body } = to;
    const wrong = body.findIndex((byte, at) => byte !== byteOf(sent.id, at));
    if (wrong >= 0) throw new Error(`call ${sent.id}: byte ${wrong} is another one's`);
    if (body.length > sent.bytes || (ended && (body.length < sent.bytes || !sent.ended))) {
      throw new Error(`call ${sent.id}: ${body.length} bytes have come of ${sent.bytes}`);
    }
  }
}

function slice({ id, bytes }: Sent, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => byteOf(id, bytes + at));
}

function byteOf(id: number, at: number): number {
  return (id * 7 + at * 31 + (at >> 8)) & 0xff;
}
