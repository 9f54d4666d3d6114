import type { Fields, Head } from "../../../src/http2/receiver.ts";

export function makeHead(fields: readonly string[], neverIndexed: readonly number[] | null = null): Head {
  return { fields, neverIndexed, memo: undefined };
}

/** A gRPC request's head. `more` goes to its end, `te` may be left out. */
export function requestFields(more: readonly string[] = [], path = "/test.Echo/Unary", te = true): string[] {
  return [
    ":method",
    "POST",
    ":scheme",
    "http",
    ":path",
    path,
    ":authority",
    "echo.test",
    "content-type",
    "application/grpc",
    ...(te ? ["te", "trailers"] : []),
    ...more,
  ];
}

export const okHead: readonly string[] = [":status", "200", "content-type", "application/grpc"];
export const okTrailers: readonly string[] = ["grpc-status", "0"];

/** The first value of a name; undefined when there is none. */
export function firstValue(fields: Fields, name: string): string | undefined {
  const at = fields.findIndex((text, i) => i % 2 === 0 && text === name);
  return at < 0 ? undefined : fields[at + 1];
}

/** One gRPC message (PROTOCOL-HTTP2, Length-Prefixed-Message) of `length` bytes that are all `fill`. */
export function message(length: number, fill = 7): Uint8Array {
  const bytes = new Uint8Array(5 + length).fill(fill, 5);
  new DataView(bytes.buffer).setUint32(1, length);
  bytes[0] = 0;
  return bytes;
}
