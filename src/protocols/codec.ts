/** The wire forms that a client may speak, and what of them the gateway needs to know. */

/** How a request's body and its answer are framed. */
export type ProtocolName = "grpc" | "grpc-web" | "grpc-web-text" | "connect-unary" | "connect-get" | "connect-stream";

/** A content-type taken apart. */
export interface ContentType {
  readonly protocol: ProtocolName;
  /** `proto`, `json` or another; empty for `application/grpc` without a suffix. */
  readonly codec: string;
}

const patterns: readonly (readonly [RegExp, ProtocolName])[] = [
  // Parameters such as `; charset=utf-8` are allowed everywhere: React Native appends one.
  [/^application\/grpc(?:\+([^;\s]+))?\s*(?:;|$)/i, "grpc"],
  [/^application\/grpc-web(?:\+([^;\s]+))?\s*(?:;|$)/i, "grpc-web"],
  [/^application\/grpc-web-text(?:\+([^;\s]+))?\s*(?:;|$)/i, "grpc-web-text"],
  [/^application\/connect\+([^;\s]+)\s*(?:;|$)/i, "connect-stream"],
  [/^application\/(proto|json)\s*(?:;|$)/i, "connect-unary"],
];

/** @returns null for what is no RPC */
export function readContentType(value: string): ContentType | null {
  for (const [pattern, protocol] of patterns) {
    const match = pattern.exec(value);
    if (match !== null) return { protocol, codec: (match[1] ?? "").toLowerCase() };
  }
  return null;
}

/** True for what a Connect unary call may be in: its content-type is the codec's own, and every other one is something else. */
export function isUnaryCodec(codec: string): boolean {
  return codec === "proto" || codec === "json";
}

/** What the pod is sent: every codec under gRPC's own name. */
export function grpcContentType(codec: string): string {
  return codec === "" ? "application/grpc" : `application/grpc+${codec}`;
}

/** What an answer in the client's protocol is called. */
export function clientContentType(protocol: ProtocolName, codec: string): string {
  switch (protocol) {
    case "grpc":
      return grpcContentType(codec);
    case "grpc-web":
    case "grpc-web-text":
      return `application/${protocol}${codec === "" ? "" : `+${codec}`}`;
    case "connect-stream":
      return `application/connect+${codec}`;
    case "connect-unary":
    case "connect-get":
      return `application/${codec}`;
  }
}

/** Message compressions whose names pass through; a message itself is never touched. */
const codings = new Set(["identity", "gzip", "deflate", "br", "zstd", "snappy"]);

/** For the error that answers an unknown coding. */
export const SUPPORTED_CODINGS = [...codings].join(", ");

export function isKnownCoding(name: string): boolean {
  return codings.has(name);
}

/** RFC 9110 12.4.2: a weight of 0 is "not acceptable". */
const refused = /;\s*q=0(?:\.0*)?\s*(?:;|$)/i;

/** `accept-encoding` without weights and without what gRPC has no name for: `gzip;q=0.5, br;q=0, *` becomes `gzip`. */
export function codingsOf(value: string): string {
  return value
    .split(",")
    .filter((part) => !refused.test(part))
    .map((part) => part.split(";")[0].trim().toLowerCase())
    .filter((name) => isKnownCoding(name))
    .join(",");
}
