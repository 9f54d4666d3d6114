import { crc32 } from "node:zlib";
import type { Kind } from "./echo.ts";
import type { Written } from "./pod-talk.ts";

/** One call as every client of the suite can make it. */
export interface CallCase {
  readonly what: string;
  readonly kind: Kind | "Missing";
  /** Sizes of the messages to send; each is a pattern of so many bytes. */
  readonly sends: readonly number[];
  /** Metadata in order; a name that ends with -bin has base64 for its value here. */
  readonly metadata?: readonly (readonly [name: string, value: string])[];
  /** Bidi: sends the next message only after the answer to the last one. */
  readonly pingPong?: true;
  /** Milliseconds. Only for calls that hang until it passes: nothing may depend on how quick the machine is. */
  readonly deadline?: number;
  /** Cancels after so many answers, 1 or more. */
  readonly cancelAfter?: number;
  readonly compress?: true;
  /** What any client must see, whatever the pod: the status code and the number of answers. */
  readonly expect: { readonly code: number; readonly answers: number };
  /** How the pod must say that it ended; absent: it does not reach a pod's handler. */
  readonly podEnd?: "ok" | "failed" | "cancelled";
}

/** What a client saw of a call. Two of them are compared whole: one made directly, one through the gateway. */
export interface Observation {
  readonly code: number;
  /** Empty where the client itself wrote the message (deadline, cancel). */
  readonly message: string;
  readonly headers: Written;
  readonly trailers: Written;
  /** Length and sum of each answer. */
  readonly answers: readonly string[];
}

/** A client that others wrote. It makes the calls one after another over its usual single connection. */
export interface Client {
  readonly name: string;
  observe(address: string, cases: readonly CallCase[]): Promise<readonly Observation[]>;
}

/** Codes for which clients put words of their own into the message. */
export function ownWords(code: number, call: CallCase): boolean {
  return (code === 4 && call.deadline !== undefined) || (code === 1 && call.cancelAfter !== undefined);
}

/** Length and CRC-32. */
export function summary(bytes: Uint8Array): string {
  return `${bytes.length}:${crc32(bytes).toString(16)}`;
}
