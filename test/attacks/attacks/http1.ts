import type { Attack, Outcome } from "../attack.ts";
import { Plain } from "../support/plain.ts";

const CRUMB_MS = 100;
/** Times that a count is asked for and is the same, until it counts. */
const SETTLED = 30;
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
  smuggled("an empty transfer coding beside a length", "Transfer-Encoding:\r\nContent-Length: 0\r\n", ""),
  smuggled(
    "an empty transfer coding, then chunked",
    "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
    "0\r\n\r\n",
  ),
  smuggled("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  smuggled("a vertical tab before chunked", "Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
  smuggled("a transfer coding on a folded line", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
  smuggled("a bare CR that hides a field", "X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  smuggled("a bare LF that hides a field", "X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  smuggled("a second Host", "Host: other.test\r\n", ""),
  smuggled("two sizes for one chunk", "Transfer-Encoding: chunked\r\n", "1 0\r\na\r\n0\r\n\r\n"),
  smuggled("a bare CR after a chunk's size", "Transfer-Encoding: chunked\r\n", "0\r\r\n\r\n"),
  smuggled("a chunk that is longer than its size", "Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"),
  // For who sees the end of the body at its last size.
  smuggled("a request where trailers may stand", "Transfer-Encoding: chunked\r\n", "0\r\n"),
  closed(
    "smuggling: HTTP/1.0 in chunks",
    "RFC 9112 11.2",
    "-",
    /^400 closed$/,
    `POST /attack.Pod/Echo HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\n${host}\r\n`,
  ),
  {
    name: "HTTP/1.1: chunk sizes without end",
    reference: "-",
    bound: "256 bytes",
    expected: /^400 closed$/,
    async run(field) {
      const plain = await Plain.connect(field.port);
      plain.write(`${unary}Transfer-Encoding: chunked\r\n\r\n${"0".repeat(100_000)}`);
      await plain.until(() => plain.closed);
      return sum([plain]);
    },
  },
  {
    name: "HTTP/1.1: a byte in each chunk, with as much around it as is allowed",
    reference: "CVE-2023-39326",
    bound: "256 bytes a chunk",
    expected: /^200$/,
    async run(field, scale) {
      const plain = await Plain.connect(field.port);
      plain.write(`${unary}Transfer-Encoding: chunked\r\n\r\n`);
      const some = `1;${"x".repeat(250)}\r\na\r\n`.repeat(1_000);
      for (let i = 0; i < 10 * scale; i++) {
        plain.write(some);
        await plain.until(() => plain.socket.writableLength < 1 << 20);
      }
      plain.write("0\r\n\r\n");
      await plain.until(() => plain.answer.includes("\r\n\r\n"));
      return sum([plain]);
    },
  },
  {
    name: "HTTP/1.1: a Connection field that names thousands, again and again",
    reference: "-",
    bound: "maxHeaderListBytes",
    expected: /^(?:431|404|501)/,
    async run(field, scale) {
      const plain = await Plain.connect(field.port);
      const names = Array.from({ length: 10_000 }, (_, i) => `n${i}`).join(",");
      const fields = Array.from({ length: 120 }, (_, i) => `x-${i}: y\r\n`).join("");
      for (let i = 0; i < 20 * scale; i++) {
        const before = plain.answer.length;
        plain.write(`GET /${i} HTTP/1.1\r\n${host}connection: ${names}\r\n${fields}\r\n`);
        await plain.until(() => plain.answer.length > before);
      }
      plain.close();
      return { frames: 20 * scale, bytes: plain.bytes, end: plain.end.split(" ")[0] };
    },
  },
  {
    name: "HTTP/1.1: large answers asked for in a row, and nothing is read",
    reference: "-",
    bound: "stallTimeout",
    expected: /^closed$/,
    async run(field, scale) {
      const connections = async () => {
        const samples = await field.metrics(/^fairlead_connections$/);
        return samples.reduce((sum, { value }) => sum + value, 0);
      };
      const parts = await Promise.all(Array.from({ length: 5 }, () => Plain.connect(field.port)));
      for (const part of parts) {
        part.write(`GET / HTTP/1.1\r\n${host}\r\n`);
        await part.until(() => part.answer.length > 0);
      }
      // Ours are in by now. Those of the attack before may be on their way out: the count is taken when it stays as it is.
      let all = -1;
      for (let same = 0; same < SETTLED; ) {
        const now = await connections();
        same = now === all ? same + 1 : 0;
        all = now;
      }
      const large = `POST /attack.Pod/Large HTTP/1.1\r\n${host}Content-Type: application/proto\r\nContent-Length: 0\r\n\r\n`;
      for (const part of parts) {
        part.socket.pause();
        part.write(large.repeat(100 * scale));
      }
      // The gateway ends them by itself: whoever reads before it has gets all the answers. What is read then is what the kernel held.
      while ((await connections()) > all - parts.length) await new Promise(setImmediate);
      for (const part of parts) part.socket.resume();
      await Promise.all(parts.map((part) => part.until(() => part.closed)));
      return { ...(await sum(parts)), end: parts.every(({ closed }) => closed) ? "closed" : "open" };
    },
  },
  {
    name: "HTTP/1.1: connections that are reset in mid-request",
    reference: "-",
    bound: "-",
    expected: /^$/,
    async run(field, scale) {
      let bytes = 0;
      for (let i = 0; i < 200 * scale; i++) {
        const plain = await Plain.connect(field.port);
        plain.write(`${unary}Content-Length: 1000\r\n\r\n${"b".repeat(i % 1_000)}`);
        if (i % 2 === 0) await new Promise(setImmediate);
        bytes += plain.bytes;
        plain.socket.resetAndDestroy();
      }
      return { frames: 200 * scale, bytes, end: "" };
    },
  },
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
    name: "HTTP/1.1: pipelined without end, and read only when all is written",
    reference: "RFC 9112 9.3.2",
    bound: "64 KiB ahead",
    // A client that reads late is still one that reads: it gets all of its answers.
    expected: /^answered$/,
    async run(field, scale) {
      const parts = await Promise.all(Array.from({ length: 10 }, () => Plain.connect(field.port)));
      const request = `GET / HTTP/1.1\r\n${host}\r\n`;
      const batch = request.repeat(300);
      for (const part of parts) part.socket.pause();
      for (let round = 0; round < 50 * scale; round++) {
        for (const part of parts) if (part.socket.writableLength < 1 << 20) part.write(batch);
        await new Promise(setImmediate);
      }
      for (const part of parts) part.socket.resume();
      const answered = await Promise.all(
        parts.map(async (part) => {
          // All answers are equally long.
          await part.until(() => part.answer.indexOf("HTTP/1.1", 1) > 0);
          const length = (part.answer.indexOf("HTTP/1.1", 1) * part.bytes) / request.length;
          await part.until(() => part.answer.length >= length);
          return part.answer.length === length;
        }),
      );
      return { ...(await sum(parts)), end: answered.every(Boolean) ? "answered" : "lost" };
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
