import { serve } from "@hono/node-server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { observeOverTransport } from "../../e2e/clients/connect-node.ts";
import { type GatewayProcess, startGatewayProcess } from "../../e2e/support/gateway.ts";
import { type Pod, startPod } from "../../e2e/support/pods.ts";
import { bundle, createFolder, removeFolders } from "../support/bundle.ts";
import { CALLS, CLIENTS } from "../support/clients.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

/** An Edge Function as Vercel documents it: `config.runtime`, and a default export that takes a Request and gives a Response. */
interface EdgeFunction {
  readonly config: { readonly runtime: string };
  readonly default: (request: Request) => Response | Promise<Response>;
}

let pod: Pod;
let gateway: GatewayProcess;
let edge: EdgeFunction;
let url: string;
let server: ReturnType<typeof serve>;

beforeAll(async () => {
  pod = await startPod("grpc-js");
  gateway = await startGatewayProcess({ target: `ipv4:${pod.address}` });
  process.env.INGRESSES = `http://${gateway.address}`;
  const { path } = await bundle("deploy/vercel/rpc.ts", "edge", createFolder(), true);
  edge = (await import(path)) as EdgeFunction;
  // A rewritten request keeps the URL that its client asked for; what the rewrite matched may be appended to the query.
  const rewritten = (request: Request) => edge.default(new Request(appended(request.url), request));
  url = await new Promise((resolve) => {
    server = serve({ fetch: rewritten, port: 0, hostname: "127.0.0.1" }, ({ port }) =>
      resolve(`http://127.0.0.1:${port}`),
    );
  });
});
afterAll(removeFolders);
afterAll(async () => {
  server?.close();
  await gateway?.child.stop("SIGKILL");
  await pod?.stop("SIGKILL");
});

function appended(text: string): string {
  const asked = new URL(text);
  asked.searchParams.append("0", asked.pathname.slice(1));
  return asked.href;
}

test("vercel: the entry says that it is an Edge Function", () => {
  expect(edge.config).toEqual({ runtime: "edge" });
});

const some = CALLS.filter(({ what }) => /small|one hundred|fails after three|client stream, fifty/.test(what));

test.each(some.map((call) => [call.what, call] as const))("vercel: %s", async (_what, call) => {
  for (const { transport } of CLIENTS) {
    const seen = await observeOverTransport(transport(url), call);
    expect(seen).toMatchObject({ code: call.expect.code });
    expect(seen.answers).toHaveLength(call.expect.answers);
  }
});

test("vercel: pods are beyond its reach, and that is said", async () => {
  const { createFetchHandler } = await import("../../../src/fetch/edge.ts");
  const handler = createFetchHandler("backends: [{ target: 'ipv4:127.0.0.1:1' }]\nlog: { level: error }");
  const response = await handler.request("/a.B/C", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("this platform has no TCP sockets"),
  });
  await handler.close();
});
