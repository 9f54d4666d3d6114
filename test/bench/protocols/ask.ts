import { request as http1Request } from "node:http";
import { connect } from "node:http2";
import type { Row, Seen } from "./rows.ts";

/**
 * One call of a row, looked at closely.
 * @returns how many bytes its answer's body has
 * @throws (rejects) with what was wrong
 */
export async function ask(row: Row, port: number, timeoutMs = 5_000): Promise<number> {
  const seen = await within(
    timeoutMs,
    row.http === "2" ? (done) => overHttp2(row, port, done) : (done) => overHttp1(row, port, done),
  );
  if (seen.status !== 200) throw new Error(`HTTP status ${seen.status}`);
  // The codec may go without saying: Envoy answers `application/grpc-web` to `application/grpc-web+proto`.
  const [asked] = (new Map(row.headers).get("content-type") ?? "").split("+");
  if (!seen.contentType.startsWith(asked)) throw new Error(`content-type ${seen.contentType || "(none)"}`);
  const problem = row.wrong(seen);
  if (problem !== null) throw new Error(problem);
  return seen.body.length;
}

type Done = (result: Seen | Error) => void;

/** @param begin starts the call; what it returns ends it */
function within(timeoutMs: number, begin: (done: Done) => () => void): Promise<Seen> {
  return new Promise((resolve, reject) => {
    let stop = (): void => {};
    const done: Done = (result) => {
      clearTimeout(timer);
      stop();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const timer = setTimeout(() => done(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    stop = begin(done);
  });
}

function overHttp2(row: Row, port: number, done: Done): () => void {
  const session = connect(`http://127.0.0.1:${port}`);
  session.once("error", done);
  const request = session.request({ ":method": "POST", ":path": row.path, ...Object.fromEntries(row.headers) });
  const chunks: Buffer[] = [];
  let status = 0;
  let contentType = "";
  let trailer: string | null = null;
  request.once("response", (head) => {
    status = head[":status"] ?? 0;
    contentType = head["content-type"] ?? "";
  });
  request.once("trailers", (trailers) => {
    trailer = String(trailers["grpc-status"] ?? "") || null;
  });
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.once("error", done);
  request.once("end", () => done({ status, contentType, body: Buffer.concat(chunks), trailer }));
  request.end(row.body);
  return () => session.destroy();
}

function overHttp1(row: Row, port: number, done: Done): () => void {
  const headers = { ...Object.fromEntries(row.headers), "content-length": String(row.body.length) };
  const options = { host: "127.0.0.1", port, method: "POST", path: row.path, headers, agent: false };
  const request = http1Request(options, (answer) => {
    const chunks: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => chunks.push(chunk));
    answer.once("error", done);
    answer.once("end", () => {
      const contentType = answer.headers["content-type"] ?? "";
      done({ status: answer.statusCode ?? 0, contentType, body: Buffer.concat(chunks), trailer: null });
    });
  });
  request.once("error", done);
  request.end(row.body);
  return () => request.destroy();
}

/**
 * Asks until an answer is right: the process is ready then.
 * @throws (rejects) with the last failure after `limitMs`, or at once when the process has ended
 */
export async function firstAnswer(
  child: { readonly name: string; ended(): string | null; tail(): string },
  row: Row,
  port: number,
  limitMs = 20_000,
): Promise<void> {
  const since = performance.now();
  let last = "";
  while (performance.now() - since < limitMs) {
    if (child.ended() !== null) throw new Error(`${child.name} ended (${child.ended()}): ${child.tail()}`);
    try {
      await ask(row, port, 1_000);
      return;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(
    `${child.name}: no right answer to ${row.name} within ${limitMs} ms (last: ${last}): ${child.tail()}`,
  );
}
