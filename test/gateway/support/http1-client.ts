import type { ByteStream, ByteStreamHandler } from "../../../src/runtime/machine.ts";

/** One answer as it stands on the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; name, value, name, value. */
  readonly fields: readonly string[];
  readonly body: Uint8Array;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** A client of HTTP/1.1 that sends what it is told, byte for byte, and keeps what comes. */
export class Http1Client implements ByteStreamHandler {
  #stream: ByteStream | null = null;
  #chunks: Uint8Array[] = [];
  /** The gateway sent FIN. */
  finished = false;
  /** The connection is gone. */
  over = false;

  attach(stream: ByteStream): void {
    this.#stream = stream;
  }

  write(text: string | Uint8Array): void {
    this.#stream?.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  end(): void {
    this.#stream?.end();
  }

  destroy(): void {
    this.#stream?.destroy();
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  received(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
  }

  drained(): void {}

  ended(): void {
    this.finished = true;
    this.#stream?.end();
  }

  closed(): void {
    this.over = true;
  }

  /** Everything that came, as latin1. */
  get text(): string {
    return latin1(Buffer.concat(this.#chunks));
  }

  /** The answers that are here whole, 100 (Continue) included. @throws on what is no HTTP/1.1 */
  answers(methods: readonly string[] = []): RawAnswer[] {
    const answers: RawAnswer[] = [];
    let rest = this.text;
    while (rest !== "") {
      const final = answers.filter(({ status }) => status >= 200).length;
      const read = readAnswer(rest, methods[final] ?? "POST", this.finished || this.over);
      if (read === null) break;
      answers.push(read.answer);
      rest = rest.slice(read.length);
    }
    return answers;
  }
}

/** RFC 9112 6.3, as a client reads it. @returns null when more must come */
function readAnswer(
  text: string,
  method: string,
  ended: boolean,
): { readonly answer: RawAnswer; readonly length: number } | null {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const [line, ...lines] = text.slice(0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.1 ([1-9]\d\d) /.exec(line)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no status line: ${line}`);
  const fields = lines.flatMap((field) => {
    const colon = field.indexOf(":");
    if (colon < 1) throw new Error(`no field: ${field}`);
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  });
  const field = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
  const from = headEnd + 4;
  const answer = (body: string, length: number) => ({
    answer: { status, fields, body: Buffer.from(body, "latin1") },
    length: from + length,
  });
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return answer("", 0);
  if (fields.includes("transfer-encoding")) {
    const chunked = readChunks(text.slice(from));
    return chunked === null ? null : answer(chunked.body, chunked.length);
  }
  if (fields.includes("content-length")) {
    const length = Number(field("content-length"));
    return text.length - from < length ? null : answer(text.slice(from, from + length), length);
  }
  return ended ? answer(text.slice(from), text.length - from) : null;
}

function readChunks(text: string): { readonly body: string; readonly length: number } | null {
  let body = "";
  let at = 0;
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 20));
    if (size === null) {
      if (text.length - at > 20) throw new Error(`no chunk size: ${text.slice(at, at + 20)}`);
      return null;
    }
    const length = Number.parseInt(size[1], 16);
    const start = at + size[0].length;
    if (text.length < start + length + 2) return null;
    if (text.slice(start + length, start + length + 2) !== "\r\n") throw new Error("a chunk does not end with CRLF");
    body += text.slice(start, start + length);
    at = start + length + 2;
    if (length === 0) return { body, length: at };
  }
}
