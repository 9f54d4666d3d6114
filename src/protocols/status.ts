import { ErrorCode } from "../http2/error-code.ts";
import type { Abort, Fields, Head } from "../http2/receiver.ts";

/** gRPC status codes (grpc/doc/statuscodes.md). */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** How many codes there are. */
export const STATUS_COUNT = 17;

/**
 * Percent-encodes `grpc-message` (gRPC PROTOCOL-HTTP2, Responses): all bytes of the UTF-8 form outside 0x20-0x7E, and `%`.
 * @param message any text; lone surrogates become U+FFFD
 */
export function encodeMessage(message: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message;
  let encoded = "";
  for (const byte of new TextEncoder().encode(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** The value of the first field of this name; undefined when there is none. */
export function field(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

/** A list field as one value, should it stand in several lines (RFC 9110 5.3); empty when there is none. */
export function listOf(fields: Fields, name: string): string {
  let value = "";
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) value = value === "" ? fields[i + 1] : `${value},${fields[i + 1]}`;
  }
  return value;
}

/**
 * Hands on which codings the pod takes, for the client's next request; of an error, too: it may be that the pod does not take this
 * one's coding.
 * @param name what the client's protocol calls `grpc-accept-encoding`
 */
export function pushAccepted(from: Fields, name: string, to: string[]): void {
  const accepted = field(from, "grpc-accept-encoding");
  if (accepted !== undefined) to.push(name, accepted);
}

/**
 * The code in `grpc-status`; null when the field is absent. What is not a known number is `unknown`, as gRPC clients read it.
 */
export function statusOf(fields: Fields): number | null {
  const value = field(fields, "grpc-status");
  if (value === undefined) return null;
  const code = Number(value);
  return /^\d{1,2}$/.test(value) && code < STATUS_COUNT ? code : Status.UNKNOWN;
}

/** The code for a response without a grpc-status (grpc/doc/http-grpc-status-mapping.md). */
export function statusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return Status.INTERNAL;
    case 401:
      return Status.UNAUTHENTICATED;
    case 403:
      return Status.PERMISSION_DENIED;
    case 404:
      return Status.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return Status.UNAVAILABLE;
    default:
      return Status.UNKNOWN;
  }
}

/** The code for a stream that ended by RST_STREAM (gRPC PROTOCOL-HTTP2, Errors) or with its connection. */
export function statusOfAbort(reason: Abort): number {
  if (reason.by === "connection") return Status.UNAVAILABLE;
  switch (reason.code) {
    case ErrorCode.REFUSED_STREAM:
      return Status.UNAVAILABLE;
    case ErrorCode.CANCEL:
      return Status.CANCELLED;
    case ErrorCode.ENHANCE_YOUR_CALM:
      return Status.RESOURCE_EXHAUSTED;
    case ErrorCode.INADEQUATE_SECURITY:
      return Status.PERMISSION_DENIED;
    case ErrorCode.STREAM_CLOSED:
    case ErrorCode.HTTP_1_1_REQUIRED:
      return Status.UNKNOWN;
    default:
      return Status.INTERNAL;
  }
}

/** True for codes that speak of the pod and not of what the client asked for: they make a pod less attractive. */
export function isFault(code: number): boolean {
  return (
    code === Status.UNAVAILABLE ||
    code === Status.INTERNAL ||
    code === Status.UNKNOWN ||
    code === Status.RESOURCE_EXHAUSTED ||
    code === Status.DATA_LOSS
  );
}

/** A head of our own making. */
export function ownHead(fields: string[]): Head {
  return { fields, neverIndexed: null, memo: undefined };
}

/**
 * A gRPC answer without messages: one HEADERS frame, "trailers-only" (gRPC PROTOCOL-HTTP2).
 * @param contentType the request's: connect-go takes no status from an answer in another codec than it asked in
 */
export function trailersOnly(code: number, message: string, contentType = "application/grpc"): Head {
  return ownHead([
    ":status",
    "200",
    "content-type",
    contentType,
    "grpc-status",
    String(code),
    "grpc-message",
    encodeMessage(message),
  ]);
}

/** Trailers that end a response which has begun. */
export function trailers(code: number, message: string): Head {
  return ownHead(["grpc-status", String(code), "grpc-message", encodeMessage(message)]);
}
