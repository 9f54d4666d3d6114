import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackendSettings, Settings } from "../../src/config/settings.ts";
import { createGateway } from "../../src/create-gateway.ts";
import { Budget } from "../../src/http2/budget.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import type { ByteStream, DialTls, ListenTls, Machine } from "../../src/runtime/machine.ts";
import { createAuthority } from "../support/certs.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { createTestMachine, track, trackGateway } from "../support/harness.ts";
import { noHttp1 } from "../support/http1-answers.ts";
import { TestClient } from "./support/client.ts";
import { firstValue, message, requestFields } from "./support/fields.ts";
import type { Party } from "./support/party.ts";
import { answerOk, Pod } from "./support/pod.ts";
import { backendSettings, gatewaySettings } from "./support/settings.ts";

/** The same gateway on real sockets: what the listener and the dialling do to a call. */

const authority = createAuthority();
const pair = authority.issue(["pods.test", "127.0.0.1"]);
let folder: string;
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fairlead-gateway-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Resolves when the call is over, either way. */
async function over(call: Party): Promise<Party> {
  while (!call.over) await new Promise(setImmediate);
  return call;
}

async function startPod(machine: Machine, tls?: ListenTls): Promise<{ pod: Pod; port: number }> {
  const pod = new Pod({ flusher: new Flusher(machine.soon), budget: new Budget(1 << 30) });
  pod.onCall = (call) => answerOk(call, call.body);
  const listening = await machine.listen(
    { host: "127.0.0.1", port: 0, ...(tls === undefined ? {} : { tls }) },
    { http2: (stream) => pod.accept(stream), http1: noHttp1 },
  );
  track(listening);
  return { pod, port: listening.port };
}

async function start(machine: Machine, settings: Partial<Settings>, backend: Partial<BackendSettings>) {
  const log = collectingLog();
  const gateway = trackGateway(createGateway(gatewaySettings(settings, backend), machine, log));
  await gateway.start();
  const [{ port }] = gateway.view.listeners();
  return { gateway, port, log };
}

/** A client's connection over a socket. */
async function connect(machine: Machine, port: number, tls?: DialTls): Promise<TestClient> {
  const client = new TestClient({ flusher: new Flusher(machine.soon), budget: new Budget(1 << 30) });
  const address = { kind: "tcp", host: "127.0.0.1", port } as const;
  const options = { timeoutMs: 5_000, ...(tls === undefined ? {} : { tls }) };
  const stream: ByteStream = machine.dial(address, options, client.connection);
  client.connection.attach(stream);
  track({ close: () => stream.destroy() });
  while (client.events.length === 0) await new Promise(setImmediate);
  return client;
}

/** TLS to pods, whatever they show. */
const unverified = { caFile: null, certFile: null, keyFile: null, serverName: "pods.test", insecure: true };

describe("sockets", () => {
  test("plaintext both ways: a megabyte there and back, byte for byte", async () => {
    const machine = createTestMachine();
    const { pod, port: podPort } = await startPod(machine);
    const { port } = await start(machine, {}, { target: `ipv4:127.0.0.1:${podPort}` });
    const client = await connect(machine, port);
    const body = new Uint8Array(1_048_576).map((_, i) => (i * 7 + (i >> 8)) & 0xff);
    const call = await over(client.unary(body));
    expect(call.status.code).toBe(0);
    expect(Buffer.compare(call.body, body)).toBe(0);
    expect(Buffer.compare(pod.last.body, body)).toBe(0);
  });

  test("TLS listener with client certificates, TLS pods: calls go through", async () => {
    const machine = createTestMachine();
    const { port: podPort } = await startPod(machine, pair);
    const tls = {
      certFile: file("cert.pem", pair.cert),
      keyFile: file("key.pem", pair.key),
      clientCaFile: file("ca.pem", authority.cert),
    };
    const { port, gateway } = await start(
      machine,
      { listeners: [{ name: "secure", host: "127.0.0.1", port: 0, tls, cors: null, maxConnectionAge: null }] },
      {
        target: `ipv4:127.0.0.1:${podPort}`,
        tls: { ...unverified, caFile: tls.clientCaFile, insecure: false },
      },
    );
    const own = authority.issue(["client"]);
    const client = await connect(machine, port, { ca: authority.cert, serverName: "pods.test", ...own });
    expect(client.events).toEqual(["ready"]);
    const call = await over(client.unary(message(3)));
    expect(call.status.code).toBe(0);
    expect(call.body).toEqual(message(3));
    expect(gateway.view.listeners()[0].tls).toBe(true);
    // Without a certificate there is no connection.
    const stranger = await connect(machine, port, { ca: authority.cert, serverName: "pods.test" });
    while (!stranger.events.some((event) => event.startsWith("closed"))) await new Promise(setImmediate);
    expect(stranger.events).not.toContain("ready");
  });

  test("TLS pods that demand a certificate: get the backend's", async () => {
    const machine = createTestMachine();
    const { port: podPort } = await startPod(machine, { ...pair, clientCa: authority.cert });
    const own = authority.issue(["gateway"]);
    const codeWith = async (tls: BackendSettings["tls"]) => {
      const { port } = await start(machine, {}, { target: `ipv4:127.0.0.1:${podPort}`, tls });
      const client = await connect(machine, port);
      return (await over(client.unary())).status.code;
    };
    const shown = { certFile: file("own.pem", own.cert), keyFile: file("own-key.pem", own.key) };
    expect(await codeWith({ ...unverified, ...shown })).toBe(0);
    expect(await codeWith(unverified)).toBe(14);
  });

  test("TLS pods whose certificate is not trusted, or is another's: unavailable, and the message says so", async () => {
    const machine = createTestMachine();
    const { port: podPort } = await startPod(machine, pair);
    const other = createAuthority("another");
    const wrong = [
      {
        tls: { ...unverified, caFile: file("other.pem", other.cert), insecure: false },
        why: /certificate|issuer/,
      },
      {
        tls: { ...unverified, caFile: file("ca2.pem", authority.cert), serverName: "elsewhere.test", insecure: false },
        why: /altnames/,
      },
    ];
    for (const { tls, why } of wrong) {
      const { port } = await start(machine, {}, { target: `ipv4:127.0.0.1:${podPort}`, tls });
      const client = await connect(machine, port);
      const call = await over(client.unary());
      expect(call.status.code).toBe(14);
      expect(call.status.message).toMatch(/^upstream pick, backend echo: no ready endpoint/);
      expect(call.status.message).toMatch(/TLS handshake with/);
      expect(call.status.message).toMatch(why);
    }
  });

  test("plaintext pods dialled with TLS: unavailable, within the connect timeout", async () => {
    const machine = createTestMachine();
    const { port: podPort } = await startPod(machine);
    const { port } = await start(
      machine,
      {},
      { target: `ipv4:127.0.0.1:${podPort}`, tls: unverified, connectTimeout: 500 },
    );
    const client = await connect(machine, port);
    const call = await over(client.unary());
    expect(call.status.code).toBe(14);
  });

  test("HTTP/1.1 on the same port: gRPC is told to use HTTP/2, the rest gets the answers of HTTP/2", async () => {
    const machine = createTestMachine();
    const { pod, port: podPort } = await startPod(machine);
    const { port } = await start(machine, {}, { target: `ipv4:127.0.0.1:${podPort}` });
    const ask = (method: string, type: string) =>
      fetch(`http://127.0.0.1:${port}/test.Echo/Unary`, {
        method,
        headers: { "content-type": type, connection: "close" },
        ...(method === "POST" ? { body: message(1) as Uint8Array<ArrayBuffer> } : {}),
      });
    const grpc = await ask("POST", "application/grpc");
    expect(grpc.status).toBe(426);
    expect(await grpc.text()).toMatch(/HTTP\/2/);
    // The client has asked to close, and Deno's goes by the answer alone.
    expect(grpc.headers.get("connection")).toMatch(/\bclose\b/);
    const other = await ask("POST", "text/plain");
    expect(other.status).toBe(415);
    expect(other.headers.get("accept-post")).toContain("application/grpc");
    await other.text();
    const get = await ask("PUT", "text/plain");
    expect(get.status).toBe(405);
    expect(get.headers.get("allow")).toContain("POST");
    await get.text();
    expect(pod.calls).toEqual([]);
  });

  test("a backend that cannot be made: start fails, and the files of those before it are no longer watched", async () => {
    const clock = new FakeClock();
    const tls = { ...unverified, caFile: file("watched.pem", authority.cert) };
    const settings = gatewaySettings({
      backends: [backendSettings({ name: "good", tls }), backendSettings({ name: "bad", target: "ipv4:nowhere" })],
    });
    const gateway = createGateway(settings, { ...createTestMachine(), clock }, collectingLog());
    await expect(gateway.start()).rejects.toThrow("backend bad: ");
    expect(clock.pending).toBe(0);
  });

  test("port in use: start fails with one line that names it, and nothing is open", async () => {
    const machine = createTestMachine();
    const { port: taken } = await startPod(machine);
    const listeners = [{ name: "main", host: "127.0.0.1", port: taken, tls: null, cors: null, maxConnectionAge: null }];
    const gateway = createGateway(gatewaySettings({ listeners }), machine, collectingLog());
    await expect(gateway.start()).rejects.toThrow(new RegExp(`127\\.0\\.0\\.1:${taken}`));
    expect(machine.openSockets()).toBe(1);
  });

  test("missing certificate: start fails and names the file", async () => {
    const machine = createTestMachine();
    const tls = { certFile: join(folder, "nowhere.pem"), keyFile: file("some.key", pair.key), clientCaFile: null };
    const listeners = [{ name: "main", host: "127.0.0.1", port: 0, tls, cors: null, maxConnectionAge: null }];
    const gateway = createGateway(gatewaySettings({ listeners }), machine, collectingLog());
    await expect(gateway.start()).rejects.toThrow(/nowhere\.pem/);
  });

  test("close: no socket is open when it resolves, calls and all", async () => {
    const machine = createTestMachine();
    const { pod, port: podPort } = await startPod(machine);
    pod.onCall = () => {};
    const { gateway, port } = await start(machine, {}, { target: `ipv4:127.0.0.1:${podPort}` });
    const client = await connect(machine, port);
    const call = client.open(requestFields());
    while (pod.calls.length === 0) await new Promise(setImmediate);
    expect(firstValue(pod.last.fields, ":path")).toBe("/test.Echo/Unary");
    await gateway.close();
    while (!call.over || !pod.last.over) await new Promise(setImmediate);
    // The pod's listener, and the other ends of the two connections for as long as they take to notice.
    while (machine.openSockets() > 1) await new Promise(setImmediate);
  });
});
