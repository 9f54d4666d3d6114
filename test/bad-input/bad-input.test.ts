import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { firstValue } from "../gateway/support/fields.ts";
import type { Pod } from "../gateway/support/pod.ts";
import { listenerSettings, routeSettings } from "../gateway/support/settings.ts";
import { POD, startTriple, startWorld, type World, type WorldOptions } from "../gateway/support/world.ts";
import { startShop } from "../json/support/shop.ts";
import { createAuthority } from "../support/certs.ts";
import { answerWell } from "./answers.ts";
import { overFetch, overHttp1, overHttp2, readParty } from "./ask.ts";
import { type Caller, type CallerName, callers, type Seen, type Sent } from "./callers.ts";
import { badRequests } from "./clients.ts";
import { badFrames, sendFrames } from "./frames.ts";
import { badHttp1 } from "./http1.ts";
import { badJson, jsonRequest, shown } from "./json.ts";
import { pageOf, type Rows } from "./page.ts";
import { badAnswers, badServers } from "./pods.ts";
import { startPlace } from "./sockets.ts";
import { runHttp1, runPlaintextClients, runTlsClient, seeUnavailable } from "./sockets-tables.ts";
import type { Cell } from "./table.ts";

/** Passthrough: what JSON is wrong with is another table's, test/json/. */
const options: WorldOptions = {
  settings: { routes: [routeSettings({ connectGet: ["*"] })] },
  backend: { json: "passthrough" },
};
const rows: Rows = { clients: [], frames: [], json: [], pods: [], servers: [] };

/** Rows of what goes over real sockets, in the page's form. */
const http1Rows: string[] = [];

/** What the pod has heard since it had `before` calls. */
function heard(pod: Pod, before: number): string {
  const calls = pod.calls.slice(before);
  if (calls.length === 0) return "nothing";
  return calls.every((call) => call.aborted !== null) ? "a cancelled call" : "the call";
}

async function expectNothingOpen(world: World): Promise<void> {
  await world.settle();
  expect(world.outstanding).toBe(0);
  expect(world.held).toBe(0);
}

/** Over HTTP/1.1, with a good call after it on the same connection where that is kept. */
async function onHttp1(world: World, caller: Caller, sent: Sent, pod: Pod, good: Sent = caller.send()): Promise<Seen> {
  const client = await world.http1();
  const before = pod.calls.length;
  const seen = await overHttp1(world, client, caller, sent);
  if (seen.text !== "ok") expect(heard(pod, before), `${caller.name}: ${seen.text}: the pod`).not.toBe("the call");
  expect(seen.text, caller.name).not.toContain("**");
  if (!client.finished && !client.over) {
    const next = await overHttp1(world, client, caller, good);
    expect(next.text, `${caller.name}: the next call on the connection of HTTP/1.1`).toBe("ok");
  }
  client.end();
  await world.settle();
  expect(client.over).toBe(true);
  return seen;
}

describe("bad requests", () => {
  test.each(badRequests)("$what", async (item) => {
    const { world, pod, client } = await startTriple(options);
    pod.onCall = answerWell;
    const seen = new Map<CallerName, Cell>();
    for (const caller of callers) {
      const sent = item.send(caller);
      if (sent === null) continue;
      const before = pod.calls.length;
      const http2 = await overHttp2(world, client, caller, sent);
      const podHeard = heard(pod, before);
      // gRPC is a splice: what its messages are is between client and pod.
      if (caller.name !== "gRPC") expect(http2.text === "ok", `${caller.name}: ${http2.text}`).toBe(!item.refused);
      if (http2.text !== "ok") expect(podHeard, `${caller.name}: the pod`).not.toBe("the call");
      await expectNothingOpen(world);
      // The connection goes on.
      expect((await overHttp2(world, client, caller, caller.send())).text, `${caller.name}: the next call`).toBe("ok");
      expect(client.events).toEqual(["ready"]);

      // gRPC is answered 426 here, whatever it sends.
      let http1: Seen | null = null;
      if (caller.name !== "gRPC" && item.http2Only !== true) {
        http1 = await onHttp1(world, caller, sent, pod);
        expect(http1.text === "ok", `${caller.name} over HTTP/1.1: ${http1.text}`).toBe(!item.refused);
        await expectNothingOpen(world);
        if (item.notFetch !== true) {
          const before = pod.calls.length;
          const fetched = await overFetch(world, caller, sent);
          expect(fetched.text === "ok", `${caller.name} over fetch: ${fetched.text}`).toBe(!item.refused);
          if (fetched.text !== "ok") expect(heard(pod, before), `${caller.name} over fetch`).not.toBe("the call");
          await expectNothingOpen(world);
        }
      }
      seen.set(caller.name, { http2, http1, pod: podHeard });
    }
    rows.clients.push({ what: item.what, seen });
  });
});

/** A bad answer over HTTP/1.1, and a good one after it on the same connection where that is kept. */
async function answeredOverHttp1(world: World, caller: Caller, pod: Pod): Promise<Seen> {
  const client = await world.http1();
  const seen = await overHttp1(world, client, caller, caller.send());
  expect(seen.text, caller.name).not.toContain("**");
  if (!client.finished && !client.over) {
    pod.onCall = answerWell;
    expect((await overHttp1(world, client, caller, caller.send())).text, `${caller.name}: the next call`).toBe("ok");
  }
  client.end();
  return seen;
}

test("gRPC over HTTP/1.1: 426 whatever is wrong besides, and nothing for the pod", async () => {
  const { world, pod } = await startTriple(options);
  const [grpc] = callers;
  for (const item of badRequests) {
    const sent = item.send(grpc);
    if (sent === null || item.http2Only === true || sent.method !== "POST") continue;
    const client = await world.http1();
    const { text } = await overHttp1(world, client, grpc, sent);
    // No content-type of gRPC, no request at all, and a head that is not read to its end.
    expect(text, item.what).toMatch(/^HTTP (426|415|400|431), closed$|^HTTP 415$/);
    client.end();
  }
  expect(pod.calls).toEqual([]);
  await expectNothingOpen(world);
});

test("header value that is not UTF-8: the pod gets its bytes as they were", async () => {
  const { world, pod, client } = await startTriple(options);
  pod.onCall = answerWell;
  for (const caller of callers) {
    const sent = caller.send({ headers: ["x-name", "caf\u00e9 \u00ff"] });
    expect((await overHttp2(world, client, caller, sent)).text, caller.name).toBe("ok");
    expect(firstValue(pod.last.fields, "x-name"), caller.name).toBe("caf\u00e9 \u00ff");
    if (caller.name === "gRPC") continue;
    const over1 = await world.http1();
    expect((await overHttp1(world, over1, caller, sent)).text, caller.name).toBe("ok");
    expect(firstValue(pod.last.fields, "x-name"), `${caller.name} over HTTP/1.1`).toBe("caf\u00e9 \u00ff");
    over1.end();
  }
});

describe("bad frames", () => {
  test.each(badFrames)("$what", async (item) => {
    const { world, pod, client } = await startTriple(options);
    pod.onCall = answerWell;
    const seen = new Map<CallerName, Cell>();
    for (const caller of callers) {
      const before = pod.calls.length;
      const party = sendFrames(client, item, caller);
      await world.settle();
      const http2 = readParty(caller, party);
      const podHeard = heard(pod, before);
      expect(http2.text === "ok", `${caller.name}: ${http2.text}`).toBe(item.taken === true);
      if (item.taken !== true && item.whole !== true) expect(podHeard, `${caller.name}: the pod`).not.toBe("the call");
      await expectNothingOpen(world);
      expect((await overHttp2(world, client, caller, caller.send())).text, `${caller.name}: the next call`).toBe("ok");
      expect(client.events).toEqual(["ready"]);
      seen.set(caller.name, { http2, http1: null, pod: podHeard });
    }
    rows.frames.push({ what: item.what, seen });
  });
});

describe("bad JSON, transcoded", () => {
  test.each(badJson)("$what", async (item) => {
    const { world, pods } = await startShop({ backend: { json: "transcode" } });
    const [{ pod, got }] = pods;
    const client = await world.client();
    const seen = new Map<CallerName, Cell>();
    for (const caller of callers) {
      const sent = jsonRequest(caller, item.json);
      if (sent === null) continue;
      const before = got.length;
      const http2 = await overHttp2(world, client, caller, sent);
      expect(http2.text, caller.name).toContain("invalid_argument");
      expect(got.length, `${caller.name}: messages that the pod has got`).toBe(before);
      await expectNothingOpen(world);
      const next = await overHttp2(world, client, caller, jsonRequest(caller) as Sent);
      expect(next.text, `${caller.name}: the next call`).toBe("ok");
      const http1 =
        caller.name === "gRPC" ? null : await onHttp1(world, caller, sent, pod, jsonRequest(caller) as Sent);
      await expectNothingOpen(world);
      seen.set(caller.name, { http2: shown(item, http2), http1, pod: "" });
    }
    rows.json.push({ what: item.what, seen });
  });
});

describe("bad answers", () => {
  test.each(badAnswers)("$what", async (item) => {
    const { world, pod, client } = await startTriple(options);
    const seen = new Map<CallerName, Cell>();
    for (const caller of callers) {
      pod.onCall = (call) => item.answer(call, pod);
      const http2 = await overHttp2(world, client, caller, caller.send());
      await expectNothingOpen(world);
      pod.onCall = answerWell;
      // Client and pod can go on, if maybe on another connection to the pod.
      expect((await overHttp2(world, client, caller, caller.send())).text, `${caller.name}: the next call`).toBe("ok");
      expect(client.events).toEqual(["ready"]);
      expect(http2.text, caller.name).not.toContain("**nothing**");
      pod.onCall = (call) => item.answer(call, pod);
      if (caller.name !== "gRPC") {
        expect((await overFetch(world, caller, caller.send())).text, `${caller.name} over fetch`).not.toContain("**");
        await expectNothingOpen(world);
      }
      const http1 = caller.name === "gRPC" ? null : await answeredOverHttp1(world, caller, pod);
      await expectNothingOpen(world);
      seen.set(caller.name, { http2, http1, pod: "" });
    }
    rows.pods.push({ what: item.what, seen });
  });
});

describe("pods that speak something else", () => {
  test.each(badServers)("$what", async (item) => {
    const seen = new Map<CallerName, Cell>();
    for (const caller of callers) {
      const world = await startWorld(options, (made) => {
        made.net.hosts.set(POD, {
          kind: "accept",
          accept: (stream) => ({
            received: () => {
              if (stream.endedByOwner) return;
              if (item.bytes.length > 0) stream.write(item.bytes);
              stream.end();
            },
            drained() {},
            ended: () => stream.end(),
            closed() {},
          }),
        });
      });
      const client = await world.client();
      const http2 = await overHttp2(world, client, caller, caller.send());
      await expectNothingOpen(world);
      expect(http2.text, caller.name).toContain("unavailable");
      expect(client.events).toEqual(["ready"]);
      const over1 = await world.http1();
      const http1 = caller.name === "gRPC" ? null : await overHttp1(world, over1, caller, caller.send());
      if (http1 !== null) expect(over1.finished, `${caller.name}: the connection of HTTP/1.1`).toBe(false);
      over1.end();
      await expectNothingOpen(world);
      seen.set(caller.name, { http2, http1, pod: "" });
    }
    rows.servers.push({ what: item.what, seen });
  });
});

describe("bad HTTP/1.1, over sockets", () => {
  test.each(badHttp1)("$what", async (item) => {
    http1Rows.push(await runHttp1(item));
  });
});

describe("TLS and plaintext, over sockets", () => {
  const authority = createAuthority();
  const pair = authority.issue(["pods.test", "127.0.0.1"]);

  test("a TLS client at a plaintext port: its library says so, and others are served", async () => {
    await runTlsClient(await startPlace());
  });

  test("plaintext clients at a TLS port: closed without a byte of HTTP", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fairlead-bad-input-"));
    const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    writeFileSync(certFile, pair.cert);
    writeFileSync(keyFile, pair.key);
    try {
      const tls = { certFile, keyFile, clientCaFile: null };
      await runPlaintextClients(await startPlace({ settings: { listeners: [listenerSettings({ tls })] } }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("plaintext, where TLS was dialled", async () => {
    const tls = { caFile: null, certFile: null, keyFile: null, serverName: "pods.test", insecure: true };
    const place = await startPlace({ backend: { tls, connectTimeout: 500 } });
    rows.servers.push({ what: "plaintext, where TLS was dialled", seen: await seeUnavailable(place) });
  });

  test("TLS, where plaintext was dialled: a real TLS server", async () => {
    const place = await startPlace({ backend: { connectTimeout: 500 }, podTls: pair });
    const seen = await seeUnavailable(place);
    rows.servers.push({ what: "TLS, where plaintext was dialled, a real TLS server", seen });
  });
});

test("docs/bad-input.md: is what the clients of this run saw", async ({ skip }) => {
  // Only whole runs: with `-t` most of the table is missing.
  const count = Object.values(rows).flat().length + http1Rows.length;
  const all = [badRequests, badFrames, badJson, badAnswers, badServers, badHttp1].flat().length + 2;
  if (count < all) skip("not every item ran");
  await expect(pageOf(rows, http1Rows)).toMatchFileSnapshot(join(import.meta.dirname, "../../docs/bad-input.md"));
});
