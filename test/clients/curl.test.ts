import type { CallCase } from "../e2e/support/call.ts";
import { pathOf, pattern } from "../e2e/support/echo.ts";
import { answerOfConnectUnary } from "./support/connect-unary.ts";
import { runProgram } from "./support/program.ts";
import { describeClients, type StockClient } from "./support/suite.ts";
import { missingCurl } from "./tools.ts";

/** curl, as a person at a terminal uses it: Connect unary in JSON. */

/** Bytes of a message that still goes into a URL. */
const URL_ROOM = 4000;

function lacks(call: CallCase): string | null {
  if (call.kind !== "Unary" && call.kind !== "Missing") return "curl makes unary calls";
  return call.compress ? "curl does not compress what it sends" : null;
}

/** What `--json` does (curl 7.82), and the metadata. curl sends a header without a value when it ends with a semicolon. */
function headersOf(call: CallCase): string[] {
  const metadata = call.metadata ?? [];
  const deadline = call.deadline === undefined ? [] : ["-H", `connect-timeout-ms: ${call.deadline}`];
  return [...metadata.flatMap(([name, value]) => ["-H", value === "" ? `${name};` : `${name}: ${value}`]), ...deadline];
}

interface Ways {
  readonly get?: true;
  readonly tls?: true;
}

function curl(order: number, name: string, flags: readonly string[], { get, tls }: Ways = {}): StockClient {
  return {
    ...(tls && { tls }),
    order,
    name,
    missing: missingCurl(),
    versions: async () => (await runProgram("curl", ["--version"])).output.split(" ").slice(0, 2).join(" "),
    lacks: (call) =>
      lacks(call) ?? (get === true && call.sends.some((size) => size > URL_ROOM) ? "too long for a URL" : null),
    observe: async (address, calls, caFile) => {
      const seen = [];
      const url = tls ? `https://${address}` : `http://${address}`;
      const trust = tls ? ["--cacert", caFile] : [];
      for (const call of calls) {
        const message = JSON.stringify(Buffer.from(pattern(call.sends[0] ?? 0)).toString("base64"));
        const data = get
          ? ["-G", "-d", "connect=v1", "-d", "encoding=json", "--data-urlencode", `message=${message}`]
          : ["--json", "@-"];
        const args = ["-sS", "-i", ...flags, ...trust, ...headersOf(call), ...data, `${url}${pathOf(call.kind)}`];
        const { code, output, errors } = await runProgram("curl", args, get ? "" : message);
        if (code !== 0) throw new Error(`curl: ${call.what}: exit ${code}: ${errors}`);
        seen.push(answerOfConnectUnary(output));
      }
      return seen;
    },
  };
}

describeClients([
  curl(60, "curl --json, HTTP/1.1", ["--http1.1"]),
  curl(61, "curl --json, HTTP/2", ["--http2-prior-knowledge"]),
  curl(62, "curl -G (Connect with GET), HTTP/1.1", ["--http1.1"], { get: true }),
  curl(63, "curl --json, HTTP/2 with TLS", ["--http2"], { tls: true }),
  curl(64, "curl --json, HTTP/1.1 with TLS", ["--http1.1"], { tls: true }),
]);
