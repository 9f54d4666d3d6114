import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** What the test and the page say to each other. Everything is JSON. */

/** The clients that the page has; what follows the dash is the form of the messages. */
export const CLIENTS = [
  "connect-json",
  "connect-binary",
  "connect-get",
  "connect-web-grpc-web-binary",
  "connect-web-grpc-web-json",
  "grpc-web-text",
  "grpc-web-binary",
] as const;
export type ClientName = (typeof CLIENTS)[number];

export interface CallSpec {
  readonly client: ClientName;
  readonly baseUrl: string;
  readonly method: "Say" | "Look" | "Count";
  /** The request's `text` names the call. */
  readonly request: JsonObject & { readonly text: string };
  readonly headers?: readonly Pair[];
  readonly timeoutMs?: number;
}

export type Pair = readonly [name: string, value: string];

/** Everything that JavaScript sees of a call. */
export interface Outcome {
  readonly messages: readonly JsonValue[];
  readonly header: readonly Pair[];
  readonly trailer: readonly Pair[];
  readonly error: CallError | null;
}

export interface CallError {
  /** `not_found`. */
  readonly code: string;
  readonly message: string;
  readonly metadata: readonly Pair[];
  /** Each a `fairlead.browser.v1.Why`. */
  readonly details: readonly JsonValue[];
}

/** What the page reports while a call is open. */
export interface PageEvent {
  readonly call: string;
  readonly what: string;
}
