import { request } from "node:http";
import { connect } from "node:http2";
import { encodeMessage, pathOf, pattern } from "../../e2e/support/echo.ts";
import type { Pod } from "../../e2e/support/pods.ts";

/** A client that sends its message in two pieces, and leaves while the pod works. @param http2 for platforms that hear it there only */
export async function expectLeftAfterUpload(base: string, pod: Pod, http2: boolean): Promise<void> {
  const message = encodeMessage(pattern(50));
  const headers = { "content-type": "application/proto", "x-hang": "1" };
  const from = pod.child.reports.length;
  const call = (http2 ? overHttp2 : overHttp1)(base, headers);
  await call.write(message.subarray(0, 10));
  await call.end(message.subarray(10));
  await pod.child.report((report) => report.event === "call", from);
  call.leave();
  // The end of the call before this one may be told late.
  await pod.child.report((report) => report.event === "end" && report.how === "cancelled", from);
}

interface Upload {
  write(bytes: Uint8Array): Promise<void>;
  end(bytes: Uint8Array): Promise<void>;
  leave(): void;
}

function overHttp1(base: string, headers: Record<string, string>): Upload {
  const call = request(`${base}${pathOf("Unary")}`, { method: "POST", headers, agent: false });
  call.on("error", () => {});
  return {
    write: (bytes) => new Promise((resolve) => call.write(bytes, () => resolve())),
    end: (bytes) => new Promise((resolve) => call.end(bytes, () => resolve())),
    leave: () => call.destroy(),
  };
}

function overHttp2(base: string, headers: Record<string, string>): Upload {
  const session = connect(base);
  session.on("error", () => {});
  const call = session.request({ ":method": "POST", ":path": pathOf("Unary"), ...headers });
  call.on("error", () => {});
  return {
    write: (bytes) => new Promise((resolve) => call.write(bytes, () => resolve())),
    end: (bytes) => new Promise((resolve) => call.end(bytes, () => resolve())),
    leave: () => session.destroy(),
  };
}
