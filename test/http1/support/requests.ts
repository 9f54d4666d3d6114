import fc from "fast-check";

/** A request, and the bytes that say it. */
export interface Model {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** Of the application: name in lower case, value. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly wire: string;
}

function latin1Text(minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString("latin1"));
}

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/).filter((name) => !ownNames.has(name));
const ownNames = new Set(
  "host,content-length,transfer-encoding,connection,keep-alive,proxy-connection,upgrade,http2-settings,te,expect,trailer".split(
    ",",
  ),
);
const value = fc.oneof(fc.stringMatching(/^[!-~](?:[ -~\t\x80-\xff]{0,40}[!-~\x80-\xff])?$/), fc.constant(""));
const pad = fc.constantFrom("", " ", "\t", "  \t ");
const field = fc.record({ name: token, value, before: pad, after: pad, upper: fc.boolean() });

const body = latin1Text(0, 300);
const lengthFramed = body.map((text) => ({ text, fields: [`Content-Length: ${text.length}`], wire: text }));
const chunk = fc.record({
  text: latin1Text(1, 60),
  zeros: fc.integer({ min: 0, max: 5 }),
  upper: fc.boolean(),
  extension: fc.constantFrom("", "", "", ";x", ";x=y", ' ; x = "y z"', ';a;b="\\""'),
});
const chunked = fc
  .record({
    chunks: fc.array(chunk, { maxLength: 6 }),
    trailers: fc.array(field, { maxLength: 2 }),
    te: fc.constantFrom("chunked", "Chunked", " chunked\t"),
  })
  .map(({ chunks, trailers, te }) => ({
    text: chunks.map(({ text }) => text).join(""),
    fields: [`Transfer-Encoding: ${te}`],
    wire: `${chunks
      .map(({ text, zeros, upper, extension }) => {
        const size = "0".repeat(zeros) + text.length.toString(16);
        return `${upper ? size.toUpperCase() : size}${extension}\r\n${text}\r\n`;
      })
      .join("")}0\r\n${trailers.map(({ name, value }) => `${name}: ${value}\r\n`).join("")}\r\n`,
  }));
const bodyless = fc.constant({ text: "", fields: [] as string[], wire: "" });

const model: fc.Arbitrary<Model> = fc
  .record({
    method: fc.constantFrom("POST", "GET", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"),
    path: fc.stringMatching(/^\/[!-~]{0,30}$/),
    host: fc.constantFrom("a", "echo.test:8080", "[::1]:1"),
    fields: fc.array(field, { maxLength: 6 }),
    body: fc.oneof(bodyless, lengthFramed, chunked),
    /** Where among the fields those of the body stand. */
    at: fc.nat({ max: 6 }),
    blank: fc.constantFrom("", "", "", "\r\n"),
  })
  .map(({ method, path, host, fields, body, at, blank }) => {
    const lines = fields.map(
      ({ name, value, before, after, upper }) => `${upper ? name.toUpperCase() : name}:${before}${value}${after}`,
    );
    lines.splice(at, 0, ...body.fields);
    lines.splice(at % 2, 0, `Host: ${host}`);
    return {
      method,
      path,
      host,
      fields: fields.map(({ name, value }) => [name, value] as const),
      body: body.text,
      wire: `${blank}${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body.wire}`,
    };
  });

/** Requests as clients send them: some heads repeat. */
export const requests: fc.Arbitrary<readonly Model[]> = fc
  .record({
    pool: fc.array(model, { minLength: 1, maxLength: 3 }),
    picks: fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
  })
  .map(({ pool, picks }) => picks.map((pick) => pool[pick % pool.length]));

/** Sizes of the pieces in which something arrives. */
export const pieces = fc.oneof(
  fc.constant([1]),
  fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 10 }),
  fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }),
  fc.constant([1 << 20]),
);

export function cut(text: string, sizes: readonly number[]): string[] {
  const parts: string[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const size = sizes[i % sizes.length];
    parts.push(text.slice(at, at + size));
    at += size;
  }
  return parts;
}

/** What people who mean ill write into a request. */
const snippets = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ";",
  ",",
  "0",
  "-",
  "+",
  "\x0b",
  "\x85",
  "\xa0",
  "\r\n ",
  "\r\n\r\n",
  "\n\n",
  "\r\r\n",
  "0\r\n\r\n",
  "1\r\nx\r\n",
  "fffffffffffffffff",
  "0x10",
  "1_0",
  "5;x\n",
  "\r\nX: y",
  "\r\nContent-Length: 0",
  "\r\nContent-Length: 7",
  "\r\nContent-Length: 7, 7",
  "\r\nContent-Length:",
  "\r\nContent-Length: +1",
  "\r\nContent-Length : 3",
  "\r\nTransfer-Encoding: chunked",
  "\r\nTransfer-Encoding:",
  "\r\nTransfer-Encoding: identity",
  "\r\nTransfer-Encoding: gzip, chunked",
  "\r\nTransfer-Encoding: chunked, identity",
  "\r\nTransfer-Encoding\t: chunked",
  "\r\nTransfer_Encoding: chunked",
  "\r\nX: \r\n chunked",
  "\r\nConnection: close",
  "\r\nConnection: keep-alive",
  "\r\nConnection: content-length",
  "\r\nExpect: 100-continue",
  "\r\nHost: b",
  " HTTP/1.0",
  " HTTP/1.1\r\n",
  " HTTP/0.9",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://b/ HTTP/1.1\r\n",
  "\x16\x03\x01",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

export type Mutation = (text: string) => string;

const mutation: fc.Arbitrary<Mutation> = fc
  .record({
    kind: fc.constantFrom("insert", "insert", "byte", "delete", "repeat", "cut", "afterLine", "afterLine", "afterLine"),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 12 }),
    snippet: fc.constantFrom(...snippets),
    byte: fc.nat({ max: 255 }),
  })
  .map(({ kind, at, length, snippet, byte }) => (text: string) => {
    const i = Math.floor(at * text.length);
    switch (kind) {
      case "insert":
        return text.slice(0, i) + snippet + text.slice(i);
      case "byte":
        return text.slice(0, i) + String.fromCharCode(byte) + text.slice(i + 1);
      case "delete":
        return text.slice(0, i) + text.slice(i + length);
      case "repeat":
        return text.slice(0, i) + text.slice(i, i + length) + text.slice(i);
      case "cut":
        return text.slice(0, i);
      default: {
        // Where a line ends, so that what begins with one makes a field.
        const line = text.indexOf("\r\n", i);
        const to = line < 0 ? i : line;
        return text.slice(0, to) + snippet + text.slice(to);
      }
    }
  });

export const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });
