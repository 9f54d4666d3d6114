import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { observeOverTransport } from "../../e2e/clients/connect-node.ts";
import type { Observation } from "../../e2e/support/call.ts";
import { type GatewayProcess, startGatewayProcess } from "../../e2e/support/gateway.ts";
import { type Pod, startPod } from "../../e2e/support/pods.ts";
import { deadPort } from "../../support/dead-port.ts";
import { track } from "../../support/harness.ts";
import { createFolder, removeFolders } from "../support/bundle.ts";
import { CALLS, CLIENTS, essence, LEFT_READING, LEFT_WAITING, observeAll } from "../support/clients.ts";
import { expectFullDuplex } from "../support/full-duplex.ts";
import { CHAINS, type Running, type Runtime } from "../support/platforms.ts";

// Real runtimes are started here, and on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Edge by `fetch` to a gateway, and that by gRPC to a pod: the client sees what it sees at the pod itself. */

const folder = createFolder();
afterAll(removeFolders);
let pod: Pod;
let gateway: GatewayProcess;
let direct: readonly Observation[];

beforeAll(async () => {
  pod = await startPod("grpc-js");
  gateway = await startGatewayProcess({ target: `ipv4:${pod.address}` });
  const baseUrl = `http://${pod.address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  direct = await observeAll(createGrpcTransport({ baseUrl, sessionManager }), CALLS);
  sessionManager.abort();
});
afterAll(async () => {
  await gateway?.child.stop("SIGKILL");
  await pod?.stop("SIGKILL");
});

/** What Cloudflare's edge answers in place of an origin that it cannot reach. */
async function unreachableOrigin(): Promise<number> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(523, { "content-type": "text/plain; charset=UTF-8" }).end("error code: 523");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  track({ close: () => close(server) });
  return (server.address() as AddressInfo).port;
}

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

async function startTracked(chain: Runtime, ingresses: string): Promise<Running> {
  const running = await chain.start(ingresses, folder);
  track({ close: () => running.stop() });
  return running;
}

const small = CALLS.find(({ what }) => what === "unary, small")!;
const stream = CALLS.find(({ what }) => what === "server stream, one hundred")!;

describe.each(CHAINS.map((chain) => [chain.name, chain] as const))("chain: on %s", (_name, chain) => {
  const { missing } = chain;
  if (missing !== null) console.warn(`skipped: the chain on ${chain.name}: ${missing}`);

  describe.each(CLIENTS.map((client) => [client.name, client] as const))("%s", (_client, client) => {
    let running: Running;
    let seen: readonly Observation[] = [];
    beforeAll(async () => {
      if (missing !== null) return;
      running = await chain.start(`http://${gateway.address}`, folder);
      seen = await observeAll(client.transport(running.url), CALLS);
    });
    afterAll(() => running?.stop());

    const calls = CALLS.map((call, index) => [call.what, index] as const);
    test.skipIf(missing !== null).each(calls)("%s", (_what, index) => {
      expect(essence(seen[index])).toEqual(essence(direct[index]));
    });
  });

  test.skipIf(missing !== null)("an ingress that cannot be reached: every call goes to the other one", async () => {
    const running = await startTracked(
      chain,
      `http://127.0.0.1:${await (chain.vague === true ? unreachableOrigin() : deadPort())},http://${gateway.address}`,
    );
    for (const { transport } of CLIENTS) {
      for (const call of [small, stream, small, stream]) {
        expect(await observeOverTransport(transport(running.url), call)).toMatchObject({ code: 0 });
      }
    }
  });

  test.skipIf(missing !== null)("bidi over HTTP/1.1: each answer comes before the next request is sent", async () => {
    const running = await startTracked(chain, `http://${gateway.address}`);
    await expectFullDuplex(running.url);
  });

  test.skipIf(missing !== null)("a load balancer's own 503: the call goes to the other ingress", async () => {
    let refused = 0;
    const balancer = createServer((request, response) => {
      refused++;
      request.resume();
      response.writeHead(503, { "content-type": "text/html" }).end("<h1>no healthy upstream</h1>");
    });
    await new Promise<void>((resolve) => balancer.listen(0, "127.0.0.1", resolve));
    track({ close: () => close(balancer) });
    const { port } = balancer.address() as AddressInfo;
    const running = await startTracked(chain, `http://127.0.0.1:${port},http://${gateway.address}`);
    const transport = CLIENTS[0].transport(running.url);
    // Equals are asked in random order: with forty calls the chance that the balancer is never the first is one in a million
    // millions, were it not that one refusal puts it last for a while.
    for (let i = 0; i < 40 && refused === 0; i++) {
      expect(await observeOverTransport(transport, small)).toMatchObject({ code: 0 });
    }
    expect(refused).toBe(1);
  });

  test.skipIf(missing !== null)("no ingress can be reached: unavailable, in the client's protocol", async () => {
    const dead = await deadPort();
    const running = await startTracked(chain, `http://127.0.0.1:${dead}`);
    for (const { transport } of CLIENTS) {
      const { code, message } = await observeOverTransport(transport(running.url), small);
      expect(code).toBe(14);
      expect(message).toContain(`upstream chain, http://127.0.0.1:${dead}: `);
    }
  });

  test.skipIf(missing !== null)("a client that goes away: the pod hears of it", async () => {
    const running = await startTracked(chain, `http://${gateway.address}`);
    for (const call of chain.lateToHear === true ? [LEFT_READING] : [LEFT_READING, LEFT_WAITING]) {
      const from = pod.child.reports.length;
      await observeOverTransport(CLIENTS[0].transport(running.url), call);
      const end = await pod.child.report((report) => report.event === "end", from);
      expect(end.how).toBe("cancelled");
    }
  });
});
