import type { Attack, Outcome } from "../attack.ts";
import { Plain } from "../support/plain.ts";

const CRUMB_MS = 100;
const host = "Host: attacked.test\r\n";
const unary = `POST /attack.Pod/Echo HTTP/1.1\r\n${host}Content-Type: application/proto\r\n`;

/** Writes, and waits until the connection is closed: all of these must be. */
function closed(name: string, reference: string, bound: string, expected: RegExp, text: string): Attack {
  return {
    name: `HTTP/1.1: ${name}`,
    reference,
    bound,
    expected,
    async run(field) {
      const plain = await Plain.connect(field.port);
      plain.write(text);
      await plain.until(() => plain.closed);
      return { frames: 1, bytes: plain.bytes, end: plain.end };
    },
  };
}

/** A request that two readers could see the end of in different places, and what would then be the next one. */
function smuggled(name: string, fields: string, body: string): Attack {
  const hidden = `GET /hidden HTTP/1.1\r\n${host}\r\n`;
  return closed(
    `smuggling: ${name}`,
    "RFC 9112 11.2",
    "-",
    // Refused as a whole, and nothing that came after it is served.
    /^400 closed$/,
    `${unary}${fields}\r\n${body}${hidden}`,
  );
}

async function sum(parts: readonly Plain[]): Promise<Outcome> {
  const ends = new Set(parts.map(({ end }) => end));
  for (const part of parts) part.close();
  return {
    frames: parts.length,
    bytes: parts.reduce((total, { bytes }) => total + bytes, 0),
    end: [...ends].join(", "),
  };
}

export const http1Attacks: readonly Attack[] = [
  {
    name: "HTTP/1.1: slow heads (slowloris)",
    reference: "-",
    bound: "headTimeout",
    expected: /^closed$/,
    async run(field, scale) {
      const parts = await Promise.all(Array.from({ length: 50 * scale }, () => Plain.connect(field.port)));
      for (const part of parts) part.write(`GET / HTTP/1.1\r\n${host}`);
      let i = 0;
      const timer = setInterval(() => {
        i++;
        for (const part of parts) part.write(`x-${i}: y\r\n`);
      }, CRUMB_MS);
      await Promise.all(parts.map((part) => part.until(() => part.closed)));
      clearInterval(timer);
      return sum(parts);
    },
  },
  closed("a head that stops in its first line", "-", "headTimeout", /^closed$/, "GET"),
  closed("garbage", "-", "-", /^closed$/, `${"\x00\xff".repeat(100)}\n`),
  closed(
    "a head that is too large",
    "RFC 6585 5",
    "maxHeaderListBytes",
    /^431 closed$/,
    `GET / HTTP/1.1\r\n${host}x: ${"y".repeat(200_000)}`,
  ),
  {
    name: "HTTP/1.1: too many fields",
    reference: "RFC 6585 5",
    bound: "maxHeaderFields",
    expected: /^431/,
    async run(field) {
      const plain = await Plain.connect(field.port);
      plain.write(`GET / HTTP/1.1\r\n${host}${Array.from({ length: 500 }, (_, i) => `x-${i}: y\r\n`).join("")}\r\n`);
      await plain.until(() => plain.answer.includes("\r\n\r\n"));
      return sum([plain]);
    },
  },
  closed("a first line that never ends", "-", "maxHeaderListBytes", /^431 closed$/, `GET /${"a".repeat(200_000)}`),
  closed("NUL in a value", "RFC 9110 5.5", "-", /^400 closed$/, `GET / HTTP/1.1\r\n${host}x: a\0b\r\n\r\n`),
  closed("folded fields", "RFC 9112 5.2", "-", /^400 closed$/, `GET / HTTP/1.1\r\n${host}x: a\r\n b: c\r\n\r\n`),
  closed("no Host", "RFC 9112 3.2", "-", /^400 closed$/, "GET / HTTP/1.1\r\n\r\n"),
  closed(
    "an HTTP/2 preface, and then HTTP/1.1",
    "RFC 9113 3.4",
    "-",
    /^closed$/,
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n`,
  ),
  smuggled("content-length and chunked", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  smuggled("chunked and content-length", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"),
  smuggled("two lengths", "Content-Length: 0\r\nContent-Length: 40\r\n", ""),
  smuggled("a list of lengths", "Content-Length: 0, 40\r\n", ""),
  smuggled("a signed length", "Content-Length: +0\r\n", ""),
  smuggled("a length in hex", "Content-Length: 0x0\r\n", ""),
  smuggled("space before the colon", "Content-Length : 40\r\n", ""),
  smuggled("an unknown transfer coding", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
  smuggled("chunked is not last", "Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
  smuggled("chunk size with a sign", "Transfer-Encoding: chunked\r\n", "-1\r\n\r\n"),
  smuggled("chunk size with 0x", "Transfer-Encoding: chunked\r\n", "0x1\r\na\r\n0\r\n\r\n"),
  smuggled("chunk larger than any number", "Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\na\r\n0\r\n\r\n"),
  smuggled("a bare LF in a chunk's size", "Transfer-Encoding: chunked\r\n", "0\n\r\n"),
  {
    name: "HTTP/1.1: pipelined garbage",
    reference: "RFC 9112 9.3.2",
    bound: "-",
    expected: /^(?:40\d )*400 closed$/,
    async run(field) {
      const plain = await Plain.connect(field.port);
      plain.write(`${`GET / HTTP/1.1\r\n${host}\r\n`.repeat(5)}${"\x00garbage\r\n".repeat(100)}`);
      await plain.until(() => plain.closed);
      return { frames: 6, bytes: plain.bytes, end: plain.end };
    },
  },
  {
    name: "HTTP/1.1: pipelined without end, and nothing is read",
    reference: "RFC 9112 9.3.2",
    bound: "16 at once",
    expected: /^closed$/,
    async run(field, scale) {
      const parts = await Promise.all(Array.from({ length: 10 }, () => Plain.connect(field.port)));
      const batch = `GET / HTTP/1.1\r\n${host}\r\n`.repeat(300);
      for (const part of parts) part.socket.pause();
      for (let round = 0; round < 50 * scale; round++) {
        for (const part of parts) if (part.socket.writableLength < 1 << 20) part.write(batch);
        await new Promise(setImmediate);
      }
      // Whether the gateway has closed is only seen by reading.
      for (const part of parts) part.socket.resume();
      await Promise.all(parts.map((part) => part.until(() => part.closed)));
      return { ...(await sum(parts)), end: parts.every(({ closed }) => closed) ? "closed" : "open" };
    },
  },
  {
    name: "HTTP/1.1: bodies that stop",
    reference: "-",
    bound: "idleTimeout",
    expected: /^503/,
    async run(field, scale) {
      const parts = await Promise.all(Array.from({ length: 50 * scale }, () => Plain.connect(field.port)));
      for (const part of parts) part.write(`${unary}Content-Length: 1000\r\n\r\n${"b".repeat(500)}`);
      await Promise.all(parts.map((part) => part.until(() => part.answer.includes("\r\n\r\n"))));
      return sum(parts);
    },
  },
  {
    name: "HTTP/1.1: a body that is larger than a message may be",
    reference: "-",
    bound: "maxMessageBytes",
    expected: /^429/,
    async run(field) {
      const plain = await Plain.connect(field.port);
      plain.write(`${unary}Transfer-Encoding: chunked\r\n\r\n`);
      const chunk = `10000\r\n${"b".repeat(0x10000)}\r\n`;
      for (let i = 0; i < 200 && !plain.closed && plain.answer === ""; i++) {
        plain.write(chunk);
        await plain.until(() => plain.socket.writableLength < 1 << 20 || plain.answer !== "");
      }
      await plain.until(() => plain.answer !== "");
      return sum([plain]);
    },
  },
];
