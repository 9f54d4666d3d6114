import { connect } from "node:http2";
import type { Child } from "./children.ts";
import { BODY, HEADERS, PATH } from "./load.ts";

/**
 * One real call by node:http2, looked at closely: status 200, the same body, `grpc-status: 0` in the trailers.
 * @throws (rejects) with what was wrong
 */
export function call(port: number, timeoutMs = 5_000): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const finish = (error: Error | null): void => {
      clearTimeout(timer);
      session.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => finish(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    session.once("error", finish);
    const request = session.request({ ":method": "POST", ":path": PATH, ...Object.fromEntries(HEADERS) });
    const chunks: Buffer[] = [];
    let status: number | undefined;
    let grpcStatus: string | string[] | undefined;
    request.once("response", (head) => {
      status = head[":status"];
      // A trailers-only answer has its grpc-status here: an error of the proxy's, and worth showing.
      if (head["grpc-status"] !== undefined) grpcStatus = `${head["grpc-status"]} in the head: ${head["grpc-message"]}`;
    });
    request.once("trailers", (trailers) => {
      grpcStatus = trailers["grpc-status"];
    });
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("error", finish);
    request.once("end", () => {
      const body = Buffer.concat(chunks);
      if (status !== 200) finish(new Error(`HTTP status ${status}`));
      else if (grpcStatus !== "0") finish(new Error(`grpc-status in the trailers: ${grpcStatus ?? "none"}`));
      else if (!body.equals(BODY))
        finish(new Error(`${body.length} bytes came back, not the ${BODY.length} that were sent`));
      else finish(null);
    });
    request.end(BODY);
  });
}

/**
 * Calls until one succeeds: the process is ready then.
 * @returns milliseconds since `since` (of `performance.now()`)
 * @throws (rejects) with the last failure after `limitMs`, or at once when the process has ended
 */
export async function firstCall(child: Child, port: number, since: number, limitMs = 15_000): Promise<number> {
  let last = "";
  while (performance.now() - since < limitMs) {
    if (child.ended() !== null) throw new Error(`${child.name} ended (${child.ended()}): ${child.tail()}`);
    try {
      await call(port, 1_000);
      return performance.now() - since;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    // 2 ms: finer than any ready time differs, coarse enough to leave the cores to the process that starts.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${child.name} answered no call within ${limitMs} ms (last: ${last}): ${child.tail()}`);
}
