import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { decodeMessage } from "../../../src/discovery/dns/decode.ts";
import { encodeMessage } from "../../../src/discovery/dns/encode.ts";
import { TYPE } from "../../../src/discovery/dns/message.ts";
import { observeOverTransport } from "../../e2e/clients/connect-node.ts";
import { type Pod, startPod } from "../../e2e/support/pods.ts";
import { track } from "../../support/harness.ts";
import { createFolder, removeFolders } from "../support/bundle.ts";
import { CALLS, CLIENTS } from "../support/clients.ts";
import { startWorkerd, workerd } from "../support/platforms.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const { missing } = workerd;
if (missing !== null) console.warn(`skipped: what is special to workerd: ${missing}`);

const folder = createFolder();
afterAll(removeFolders);
const small = CALLS.find(({ what }) => what === "unary, small")!;

/** A DNS server over HTTPS, but for the TLS: it knows one name. */
async function startDoh(name: string, address: readonly number[]): Promise<{ readonly url: string; asked: number }> {
  const doh = { url: "", asked: 0 };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const decoded = decodeMessage(new Uint8Array(Buffer.concat(chunks)));
    if (request.headers["content-type"] !== "application/dns-message" || "error" in decoded) {
      response.writeHead(400).end();
      return;
    }
    doh.asked++;
    const [question] = decoded.value.questions;
    const known = question.name === name;
    const answers =
      known && question.type === TYPE.A ? [{ kind: "A" as const, name, ttl: 1, address: address.join(".") }] : [];
    const answer = {
      ...decoded.value,
      response: true,
      recursionAvailable: true,
      rcode: known ? 0 : 3,
      answers,
      edns: null,
    };
    response.writeHead(200, { "content-type": "application/dns-message" }).end(encodeMessage(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  track({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  doh.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dns-query`;
  return doh;
}

describe.skipIf(missing !== null)("workerd", () => {
  let pods: readonly Pod[];
  beforeAll(async () => {
    pods = await Promise.all([startPod("grpc-js"), startPod("grpc-js")]);
  });
  afterAll(async () => {
    await Promise.all(pods?.map((pod) => pod.stop("SIGKILL")) ?? []);
  });

  test("a Durable Object: its connections serve all requests, and its counts are exact", async () => {
    const target = `ipv4:${pods.map(({ address }) => address).join(",")}`;
    const running = await workerd.start(target, folder);
    track({ close: () => running.stop() });
    const transport = CLIENTS[0].transport(running.url);
    // Until both are connected, whichever is first gets all calls.
    while (pods.some((pod) => pod.calls() === 0)) await observeOverTransport(transport, small);
    // Twenty calls that hang are outstanding together: exact counts give each pod ten.
    const hanging = { ...small, metadata: [["x-hang", "1"]], deadline: 4_000 } as const;
    const before = pods.map((pod) => pod.calls());
    const all = Promise.all(Array.from({ length: 20 }, () => observeOverTransport(transport, hanging)));
    for (const [index, pod] of pods.entries()) {
      let calls = 0;
      await pod.child.report((report) => report.event === "call" && ++calls === before[index] + 10);
    }
    for (const { code } of await all) expect(code).toBe(4);
    expect(pods.map((pod, index) => pod.calls() - before[index])).toEqual([10, 10]);
  });

  test("names: resolved by DNS over HTTPS", async () => {
    const doh = await startDoh("pods.example", [127, 0, 0, 1]);
    const port = pods[0].port;
    const bindings = { TARGET: `dns:///pods.example:${port}`, DOH: doh.url };
    const running = await startWorkerd("test/fetch/support/doh-worker.ts", bindings, true, folder);
    track({ close: () => running.stop() });
    expect(await observeOverTransport(CLIENTS[0].transport(running.url), small)).toMatchObject({ code: 0 });
    expect(doh.asked).toBeGreaterThan(0);
  });

  test("outside of a Durable Object: a gateway is refused, with the reason", async () => {
    const running = await startWorkerd("test/fetch/support/bare-worker.ts", {}, false, folder);
    track({ close: () => running.stop() });
    const response = await fetch(`${running.url}/a.B/C`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(response.status).toBe(500);
    await running.printed(/cannot start.*Durable Object/);
  });
});
