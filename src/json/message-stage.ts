import { ENVELOPE_BYTES, type EnvelopeError, writePrefix } from "../protocols/envelope.ts";
import { type HeldMessages, type Holder, TOO_MUCH_HELD } from "../protocols/held-messages.ts";
import type { Inflate } from "../runtime/machine.ts";
import { Credit } from "./credit.ts";
import { type Message, MessageReader } from "./message-reader.ts";
import type { Translated } from "./translate.ts";

/** What differs between the two directions of a call. */
export interface Direction {
  translate(message: Uint8Array): Translated;
  /** A type that an Any holds is in no known schema: finds one. @returns false when there is none */
  extend(type: string): Promise<boolean>;
  /** False once the call is over. */
  alive(): boolean;
  /** A message in its envelope, translated. */
  send(bytes: Uint8Array): void;
  /** All messages have been sent. */
  finish(): void;
  badEnvelope(error: EnvelopeError): void;
  badMessage(problem: string): void;
  /** Of the message, or of all that are held in the gateway. */
  tooLarge(problem: string): void;
}

/** What all stages of a backend share. */
export interface MessageParts {
  readonly inflate: Inflate;
  readonly maxMessageBytes: number;
  /** Counts messages that are not there whole yet, and those that wait for a schema. */
  readonly held: HeldMessages;
}

/** One direction of a call whose messages are translated one by one, in order. Stops while a schema is looked for. */
export class MessageStage implements Holder {
  readonly credit = new Credit();
  readonly #direction: Direction;
  readonly #reader: MessageReader;
  readonly #inflate: Inflate;
  readonly #maxBytes: number;
  readonly #held: HeldMessages;
  /** The coding that compressed messages are in; empty for none. */
  coding = "";
  #ended = false;
  #waiting = false;
  #over = false;
  /** Bytes of the message that waits for a schema. */
  #kept = 0;
  /** Bytes that `#held` knows of. */
  #counted = 0;
  /** A message has come whole since bytes were last counted. */
  #fresh = false;

  constructor(direction: Direction, { inflate, maxMessageBytes, held }: MessageParts) {
    this.#direction = direction;
    this.#inflate = inflate;
    this.#maxBytes = maxMessageBytes;
    this.#held = held;
    this.#reader = new MessageReader(maxMessageBytes);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    this.credit.received(end - start);
    this.#reader.add(bytes, start, end);
    this.#go();
  }

  end(): void {
    this.#ended = true;
    if (!this.#over) this.#go();
  }

  /** Nothing more is to be done. */
  stop(): void {
    this.#over = true;
    this.#kept = 0;
    this.#reader.drop();
    this.#held.release(this);
  }

  giveWay(): void {
    this.#tooLarge(TOO_MUCH_HELD);
  }

  /** The age of what is held is that of the message under way, not of the stream. */
  #count(): void {
    if (this.#fresh) {
      this.#held.release(this);
      this.#counted = 0;
      this.#fresh = false;
    }
    const bytes = this.#reader.held + this.#kept;
    const more = bytes - this.#counted;
    this.#counted = bytes;
    if (bytes === 0) this.#held.release(this);
    else if (more !== 0) this.#held.hold(this, more);
  }

  #go(): void {
    while (!this.#waiting && !this.#over) {
      const next = this.#reader.next();
      if (next === null) break;
      this.#fresh = true;
      if ("error" in next) this.#fail(() => this.#direction.badEnvelope(next.error));
      else this.#open(next);
    }
    if (this.#over) return;
    this.#reader.settle();
    this.#count();
    if (this.#waiting || this.#over) return;
    this.credit.settle();
    if (!this.#ended) return;
    const error = this.#reader.finish();
    this.stop();
    if (error === null) this.#direction.finish();
    else this.#direction.badEnvelope(error);
  }

  #open(message: Message): void {
    if (!message.compressed) {
      this.#translate(message.bytes);
      return;
    }
    if (this.coding !== "gzip") {
      this.#fail(() =>
        this.#direction.badMessage(`it has the compressed flag, but its coding is ${this.coding || "not named"}`),
      );
      return;
    }
    const whole = this.#inflate(message.bytes, this.#maxBytes);
    if (whole === "malformed") this.#fail(() => this.#direction.badMessage("it is not gzip, as its flag says"));
    else if (whole === "larger") this.#largerThanAllowed("decompressed, it");
    else this.#translate(whole);
  }

  #translate(message: Uint8Array): void {
    const translated = this.#direction.translate(message);
    if ("bytes" in translated) this.#send(translated.bytes);
    else if ("missing" in translated) this.#extend(message.slice(), translated.missing, translated.error);
    else if ("tooLarge" in translated) this.#tooLarge(translated.error);
    else this.#fail(() => this.#direction.badMessage(translated.error));
  }

  #extend(message: Uint8Array, type: string, problem: string): void {
    this.#waiting = true;
    this.#kept = message.length;
    const resume = (found: boolean): void => {
      this.#waiting = false;
      this.#kept = 0;
      if (this.#over || !this.#direction.alive()) return;
      // Found, and then this message may hold another one that is not known.
      if (found) this.#translate(message);
      else this.#fail(() => this.#direction.badMessage(problem));
      if (!this.#waiting) this.#go();
    };
    this.#direction.extend(type).then(resume, () => resume(false));
  }

  #send(payload: Uint8Array): void {
    if (payload.length > this.#maxBytes) {
      this.#largerThanAllowed("translated, it");
      return;
    }
    const framed = new Uint8Array(ENVELOPE_BYTES + payload.length);
    writePrefix(framed, 0, payload.length);
    framed.set(payload, ENVELOPE_BYTES);
    this.credit.sent(framed.length);
    this.#direction.send(framed);
  }

  #largerThanAllowed(what: string): void {
    this.#tooLarge(`${what} is larger than the ${this.#maxBytes} bytes allowed`);
  }

  #tooLarge(problem: string): void {
    this.#fail(() => this.#direction.tooLarge(problem));
  }

  #fail(report: () => void): void {
    this.stop();
    report();
  }
}
