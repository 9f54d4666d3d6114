import { once } from "node:events";
import net from "node:net";
import { errorCodeName } from "../../../src/http2/error-code.ts";
import { FRAME_HEADER_BYTES, FrameType, Setting } from "../../../src/http2/frame.ts";
import type { Outcome } from "../attack.ts";
import { preface, settings, settingsAck } from "./wire.ts";

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export interface AttackerOptions {
  /** Sends preface and SETTINGS, and acknowledges the gateway's. Default true. */
  readonly polite?: boolean;
  /** SETTINGS of a polite beginning. */
  readonly settings?: readonly (readonly [number, number])[];
  /** Reads what the gateway sends. Default true. */
  readonly reading?: boolean;
}

/** One hostile connection: writes any bytes, and keeps count of what comes back. */
export class Attacker {
  readonly socket: net.Socket;
  /** Frames written; the caller counts them. */
  frames = 0;
  bytes = 0;
  /** By type, of what the gateway sent. */
  readonly seen = new Map<number, number>();
  /** RST_STREAM that the gateway sent, by code name. */
  readonly resets = new Map<string, number>();
  /** The last GOAWAY. */
  goaway: { readonly code: string; readonly debug: string } | null = null;
  closed = false;
  #held: Buffer = Buffer.alloc(0);
  readonly #waiters = new Set<() => void>();
  readonly #onFrame: (frame: SeenFrame) => void;

  constructor(socket: net.Socket, onFrame: (frame: SeenFrame) => void = () => {}) {
    this.socket = socket;
    this.#onFrame = onFrame;
    socket.on("error", () => {});
    socket.once("close", () => {
      this.closed = true;
      this.#wake();
    });
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
  }

  static async connect(
    port: number,
    { polite = true, settings: own = [], reading = true }: AttackerOptions = {},
    onFrame?: (frame: SeenFrame) => void,
  ): Promise<Attacker> {
    const socket = net.connect({ host: "127.0.0.1", port });
    await once(socket, "connect");
    socket.setNoDelay(true);
    const attacker = new Attacker(socket, onFrame);
    if (!reading) socket.pause();
    if (polite) {
      attacker.write(Buffer.concat([preface, settings(...own)]));
      if (reading) await attacker.until(() => attacker.seen.has(FrameType.SETTINGS));
      attacker.write(settingsAck);
    }
    return attacker;
  }

  /** Most of an upper bound that lets the other side send as it likes. */
  static readonly openWindow = [Setting.INITIAL_WINDOW_SIZE, 0x7fffffff] as const;

  /** @param frames how many there are in it */
  write(bytes: Uint8Array, frames = 1): void {
    if (this.closed || this.socket.writableEnded) return;
    this.frames += frames;
    this.bytes += bytes.length;
    this.socket.write(bytes);
  }

  /** Writes, and waits until the kernel has taken it or the connection is gone. */
  async flood(bytes: Uint8Array, frames = 1): Promise<void> {
    this.write(bytes, frames);
    await this.until(() => this.socket.writableLength < 65_536);
  }

  /** Resolves when the condition holds, or when the connection is closed. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition() && !this.closed) return;
        this.#waiters.delete(look);
        this.socket.off("drain", look);
        resolve();
      };
      this.#waiters.add(look);
      this.socket.on("drain", look);
      look();
    });
  }

  /** The gateway has said that it is over, or has closed. */
  async over(): Promise<void> {
    await this.until(() => this.goaway !== null && this.goaway.code !== "NO_ERROR");
  }

  get ended(): boolean {
    return this.closed || (this.goaway !== null && this.goaway.code !== "NO_ERROR");
  }

  /** How it ended, for the table. */
  get end(): string {
    if (this.goaway !== null) return `GOAWAY ${this.goaway.code}`;
    if (this.closed) return "closed";
    const resets = [...this.resets].map(([code, count]) => `${count} RST_STREAM ${code}`);
    return resets.length > 0 ? resets.join(", ") : "open";
  }

  /** Leaves, and says what happened until then. */
  leave(end = this.end): Outcome {
    this.socket.destroy();
    return { frames: this.frames, bytes: this.bytes, end };
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #read(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    while (this.#held.length >= FRAME_HEADER_BYTES) {
      const length = this.#held.readUIntBE(0, 3);
      const end = FRAME_HEADER_BYTES + length;
      if (this.#held.length < end) break;
      const frame = {
        type: this.#held[3],
        flags: this.#held[4],
        id: this.#held.readUInt32BE(5) & 0x7fffffff,
        payload: this.#held.subarray(FRAME_HEADER_BYTES, end),
      };
      this.#held = this.#held.subarray(end);
      this.#take(frame);
    }
    this.#wake();
  }

  #take(frame: SeenFrame): void {
    this.seen.set(frame.type, (this.seen.get(frame.type) ?? 0) + 1);
    if (frame.type === FrameType.GOAWAY) {
      this.goaway = { code: errorCodeName(frame.payload.readUInt32BE(4)), debug: frame.payload.toString("latin1", 8) };
    } else if (frame.type === FrameType.RST_STREAM) {
      const code = errorCodeName(frame.payload.readUInt32BE(0));
      this.resets.set(code, (this.resets.get(code) ?? 0) + 1);
    }
    this.#onFrame(frame);
  }
}
