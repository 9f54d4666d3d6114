import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { observeOverTransport } from "../../e2e/clients/connect-node.ts";
import type { Observation } from "../../e2e/support/call.ts";
import { DEADLINE_CASES } from "../../e2e/support/cases.ts";
import { encodeMessage, pathOf, pattern } from "../../e2e/support/echo.ts";
import { type Pod, startPod } from "../../e2e/support/pods.ts";
import { track } from "../../support/harness.ts";
import { createFolder, removeFolders } from "../support/bundle.ts";
import { CALLS, CLIENTS, essence, LEFT_READING, LEFT_WAITING, observeAll } from "../support/clients.ts";
import { expectFullDuplex } from "../support/full-duplex.ts";
import { expectLeftAfterUpload } from "../support/left-after-upload.ts";
import { expectLongUpload } from "../support/long-upload.ts";
import { RUNTIMES, type Running } from "../support/platforms.ts";

// Real runtimes are started here, and on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/**
 * The entry files of deploy/ on their real runtimes, in front of a real gRPC pod: what a stock client sees over Connect and
 * gRPC-Web is what it sees over gRPC from the pod itself.
 */

/** A pod that says what libraries of gRPC do not let it say. */
const NO_RAW_POD = process.versions.deno !== undefined || process.versions.bun !== undefined;
if (NO_RAW_POD) console.warn("skipped: a pod's field with a control: only Node's HTTP/2 server sends one");

const folder = createFolder();
afterAll(removeFolders);
let pod: Pod;
let direct: readonly Observation[];

beforeAll(async () => {
  pod = await startPod("grpc-js");
  const baseUrl = `http://${pod.address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  direct = await observeAll(createGrpcTransport({ baseUrl, sessionManager }), CALLS);
  sessionManager.abort();
});
afterAll(() => pod.stop("SIGKILL"));

describe.each(RUNTIMES.map((runtime) => [runtime.name, runtime] as const))("fetch entry: %s", (_name, runtime) => {
  const { missing } = runtime;
  if (missing !== null) console.warn(`skipped: the fetch entry on ${runtime.name}: ${missing}`);
  let running: Running;
  beforeAll(async () => {
    if (missing === null) running = await runtime.start(`ipv4:${pod.address}`, folder);
  });
  afterAll(async () => {
    await running?.stop();
  });

  describe.each(CLIENTS.map((client) => [client.name, client] as const))("%s", (_client, client) => {
    let seen: readonly Observation[] = [];
    beforeAll(async () => {
      if (missing === null) seen = await observeAll(client.transport(running.url), CALLS);
    });

    const calls = CALLS.map((call, index) => [call.what, index] as const);
    test.skipIf(missing !== null).each(calls)("%s", (_what, index) => {
      expect(essence(seen[index])).toEqual(essence(direct[index]));
    });
  });

  test.skipIf(missing !== null)("a client that goes away: the pod hears of it", async () => {
    for (const call of runtime.lateToHear === true ? [LEFT_READING] : [LEFT_READING, LEFT_WAITING]) {
      const from = pod.child.reports.length;
      await observeOverTransport(CLIENTS[0].transport(running.url), call);
      const end = await pod.child.report((report) => report.event === "end", from);
      expect(end.how).toBe("cancelled");
    }
  });

  // What hears of it late is covered by deadlines: see docs/serverless.md.
  test.skipIf(missing !== null || runtime.lateToHear === true)(
    "a client that goes away after an upload in pieces: the pod hears of it",
    async () => {
      await expectLeftAfterUpload(running.url, pod, runtime.lateOverHttp1 === true);
    },
  );

  test.skipIf(missing !== null)("a deadline: the client is told, and the pod hears of it", async () => {
    const [unary] = DEADLINE_CASES;
    const from = pod.child.reports.length;
    // The answer is the gateway's: this client says nothing of its own before.
    const response = await fetch(`${running.url}${pathOf("Unary")}`, {
      method: "POST",
      headers: {
        "content-type": "application/proto",
        "connect-timeout-ms": "300",
        ...Object.fromEntries(unary.metadata!),
      },
    });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "deadline_exceeded" });
    const end = await pod.child.report((report) => report.event === "end", from);
    expect(end.how).toBe("cancelled");
  });

  test.skipIf(missing !== null)("bidi over HTTP/1.1: each answer comes before the next request is sent", async () => {
    await expectFullDuplex(running.url);
  });

  test.skipIf(missing !== null || NO_RAW_POD)(
    "a pod's field with a control: the answer comes with a space",
    async () => {
      const server = createServer();
      server.on("stream", (stream) => {
        const head = { ":status": 200, "content-type": "application/grpc+proto", "x-a": "1\x012\x7f3" };
        stream.respond(head, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-b": "4\x015" }));
        stream.end(Buffer.alloc(5));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      track({ close: () => server.close() });
      const other = await runtime.start(`ipv4:127.0.0.1:${(server.address() as AddressInfo).port}`, folder);
      track({ close: () => other.stop() });
      for (let i = 0; i < 2; i++) {
        const response = await fetch(`${other.url}/p.S/M`, {
          method: "POST",
          headers: { "content-type": "application/proto" },
        });
        await response.arrayBuffer();
        expect([response.status, response.headers.get("x-a"), response.headers.get("trailer-x-b")]).toEqual([
          200,
          "1 2 3",
          "4 5",
        ]);
      }
    },
  );

  test.skipIf(missing !== null)("a client stream that is longer than a server's limit of a request", async () => {
    await expectLongUpload(running.url);
  });

  test.skipIf(missing !== null)("gRPC-Web in text: base64 both ways", async () => {
    const message = encodeMessage(pattern(5));
    const envelope = Buffer.concat([Uint8Array.of(0, 0, 0, 0, message.length), message]);
    const type = "application/grpc-web-text+proto";
    const response = await fetch(`${running.url}${pathOf("Unary")}`, {
      method: "POST",
      headers: { "content-type": type, accept: type },
      body: envelope.toString("base64"),
    });
    expect(response.headers.get("content-type")).toBe(type);
    // Each piece may be padded by itself.
    const text = await response.text();
    const bytes = Buffer.concat((text.match(/[^=]+=*/g) ?? []).map((piece) => Buffer.from(piece, "base64")));
    expect(bytes.subarray(0, envelope.length)).toEqual(envelope);
    expect(bytes.subarray(envelope.length + 5).toString()).toMatch(/grpc-status: ?0\r\n/);
  });

  test.skipIf(missing !== null)("native gRPC: is told why, in gRPC's own form", async () => {
    const response = await fetch(`${running.url}/e.Echo/Unary`, {
      method: "POST",
      headers: { "content-type": "application/grpc" },
      body: new Uint8Array(5),
    });
    expect(response.headers.get("grpc-status")).toBe("12");
    expect(decodeURIComponent(response.headers.get("grpc-message") ?? "")).toMatch(/no trailers.*Connect or gRPC-Web/);
  });
});
