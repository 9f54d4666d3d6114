import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { Fields } from "../http2/receiver.ts";
import { decodeBase64Text, encodeBase64Text } from "./base64.ts";
import { codeNames } from "./code-names.ts";
import { field, Status, statusOf, statusOfHttp } from "./status.ts";

/** How a call ended, apart from how a protocol writes it. Code 0 is success. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
  /** The pod's own HTTP status, when it answered without a grpc-status. */
  readonly httpStatus?: number;
}

export interface ErrorDetail {
  /** The bare message name, `google.rpc.RetryInfo`. */
  readonly type: string;
  readonly value: Uint8Array;
}

/** The HTTP status of a Connect unary error, by code. */
export const httpStatuses = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
] as const;

/**
 * Decodes `grpc-message`: percent-escapes of UTF-8. Bad escapes stand for themselves, bad UTF-8 becomes U+FFFD: "decoders
 * MUST NOT error" (gRPC PROTOCOL-HTTP2).
 */
export function decodeMessage(value: string): string {
  const bytes = new Uint8Array(value.length);
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digits = value[i] === "%" ? value.slice(i + 1, i + 3) : "";
    if (/^[0-9A-Fa-f]{2}$/.test(digits)) {
      bytes[length++] = Number.parseInt(digits, 16);
      i += 2;
    } else bytes[length++] = value.charCodeAt(i);
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

/**
 * How a response ended.
 * @param trailers null when it ended without any
 * @param head the response's head: a trailers-only one holds the status
 * @param body true when a body came: the head was none of trailers-only, and a status in it does not count
 */
export function rpcStatusOf(trailers: Fields | null, head: Fields, body = false): RpcStatus {
  const from = body || (trailers !== null && statusOf(trailers) !== null) ? (trailers ?? []) : head;
  const code = statusOf(from);
  if (code === null) {
    const status = Number(field(head, ":status") ?? 0);
    const message = status === 200 ? "the pod ended the call without a grpc-status" : `the pod answered HTTP ${status}`;
    // RFC 9110 15: what is above 599 is invalid, and to be taken for a 5xx; a platform's Response throws at it.
    const quoted = status >= 400 && status <= 599 ? { httpStatus: status } : {};
    return { code: statusOfHttp(status), message, details: [], ...quoted };
  }
  const message = decodeMessage(field(from, "grpc-message") ?? "");
  if (code === Status.OK) return { code, message: "", details: [] };
  const bin = field(from, "grpc-status-details-bin");
  const bytes = bin === undefined ? null : decodeBase64Text(bin.trim());
  return { code, message, details: bytes === null ? [] : readDetails(bytes) };
}

/** google.rpc.Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; } */
function readDetails(bytes: Uint8Array): ErrorDetail[] {
  const details: ErrorDetail[] = [];
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      if (number === 3 && wireType === 2) details.push(readAny(reader.bytes()));
      else reader.skip(wireType, number);
    }
  } catch {
    // Malformed details take nothing from the code and the message, which came apart from them.
  }
  return details;
}

/** google.protobuf.Any { string type_url = 1; bytes value = 2; } */
function readAny(bytes: Uint8Array): ErrorDetail {
  const reader = new BinaryReader(bytes);
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array(0);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === 2) typeUrl = reader.string();
    else if (number === 2 && wireType === 2) value = reader.bytes();
    else reader.skip(wireType, number);
  }
  return { type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value };
}

/** Adds `debug`, the detail as JSON, where descriptors allow; undefined where they do not. */
export type DebugDetail = (detail: ErrorDetail) => unknown;

/** An error as Connect writes it (Connect protocol, Error). */
export function errorJson(status: RpcStatus, debug?: DebugDetail): Record<string, unknown> {
  const json: Record<string, unknown> = { code: codeNames[status.code] };
  if (status.message !== "") json.message = status.message;
  if (status.details.length > 0) {
    json.details = status.details.map((detail) => {
      const shown = debug?.(detail);
      const { type, value } = detail;
      return { type, value: encodeBase64Text(value), ...(shown === undefined ? {} : { debug: shown }) };
    });
  }
  return json;
}
