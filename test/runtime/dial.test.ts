import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { describe, expect, it } from "vitest";
import type { Address, DialOptions, Machine } from "../../src/runtime/machine.ts";
import { createAuthority } from "../support/certs.ts";
import { deadPort } from "../support/dead-port.ts";
import { createTestMachine, track } from "../support/harness.ts";
import { type RecordingHandler, recordingHandler } from "../support/recording-handler.ts";

const PATIENT: DialOptions = { timeoutMs: 5000 };

const tcp = (port: number): Address => ({ kind: "tcp", host: "127.0.0.1", port });

/** Dials and waits until it is over. */
async function failure(machine: Machine, address: Address, options: DialOptions): Promise<RecordingHandler> {
  const handler = recordingHandler();
  machine.dial(address, options, handler);
  expect(handler.events, "closed must not come before the caller has the stream").toEqual([]);
  await handler.untilEvent("closed");
  return handler;
}

/** A server that is not ours, on a free port or a path. */
async function serverOf<S extends net.Server>(server: S, where: { port: number } | { path: string }): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen({ ...where, host: "127.0.0.1" }, resolve));
  track({
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("dial", () => {
  it("says who refused", async () => {
    const port = await deadPort();
    const handler = await failure(createTestMachine(), tcp(port), PATIENT);
    expect(handler.events).toEqual(["closed"]);
    expect(handler.reason?.message).toBe(`connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it("reports an impossible port as closed, not by throwing", async () => {
    const handler = await failure(createTestMachine(), tcp(70_000), PATIENT);
    expect(handler.reason?.message).toContain("connect 127.0.0.1:70000");
  });

  it("connects to a Unix domain socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fairlead-"));
    track({ close: () => rmSync(folder, { recursive: true }) });
    const path = join(folder, "pod.sock");
    await serverOf(
      net.createServer((socket) => socket.end("from the pod")),
      { path },
    );
    const handler = recordingHandler();
    const stream = createTestMachine().dial({ kind: "unix", path }, PATIENT, handler);
    await handler.untilEvent("ended");
    expect(handler.text()).toBe("from the pod");
    expect(stream.peer).toBe(`unix:${path}`);
    stream.end();
    await handler.untilEvent("closed");
    expect(handler.events).toEqual(["opened", "received", "ended", "closed"]);
    expect(handler.reason).toBeNull();
  });

  it("says which Unix domain socket is not there", async () => {
    const path = join(tmpdir(), "fairlead-no-such.sock");
    const handler = await failure(createTestMachine(), { kind: "unix", path }, PATIENT);
    expect(handler.reason?.message).toBe(`connect ENOENT ${path}`);
  });

  it("can be given up before it is established", async () => {
    const port = await serverOf(net.createServer(), { port: 0 });
    const handler = recordingHandler();
    createTestMachine().dial(tcp(port), PATIENT, handler).destroy();
    await handler.untilEvent("closed");
    expect(handler.events).toEqual(["closed"]);
    expect(handler.reason).toBeNull();
  });

  it("passes on a reset as the reason", async () => {
    const port = await serverOf(
      net.createServer((socket) => socket.resetAndDestroy()),
      { port: 0 },
    );
    const handler = recordingHandler();
    createTestMachine().dial(tcp(port), PATIENT, handler);
    await handler.untilEvent("closed");
    expect(handler.reason?.message).toContain("ECONNRESET");
  });
});

describe("dial over TLS", () => {
  const authority = createAuthority();
  const identity = authority.issue(["pod.test", "127.0.0.1"]);
  const h2 = { ALPNProtocols: ["h2"] };

  const tlsServer = (options: tls.TlsOptions = {}) =>
    tls.createServer({ cert: identity.cert, key: identity.key, ...h2, ...options }, (socket) => {
      socket.on("error", () => {});
      const names = socket.servername ? `sni ${socket.servername}` : "no sni";
      socket.end(`${names}, client ${socket.getPeerCertificate().subject?.CN ?? "unknown"}`);
    });

  /** What the server saw. */
  async function seen(options: tls.TlsOptions, dialTls: NonNullable<DialOptions["tls"]>): Promise<string> {
    const port = await serverOf(tlsServer(options), { port: 0 });
    const handler = recordingHandler();
    const stream = createTestMachine().dial(tcp(port), { ...PATIENT, tls: dialTls }, handler);
    await handler.until(() => handler.events.includes("ended") || handler.events.includes("closed"));
    expect(handler.reason ?? null).toBeNull();
    stream.end();
    return handler.text();
  }

  it("verifies an address without naming it in SNI", async () => {
    expect(await seen({}, { ca: authority.cert })).toBe("no sni, client unknown");
  });

  it("sends and verifies the configured name", async () => {
    expect(await seen({}, { ca: authority.cert, serverName: "pod.test" })).toBe("sni pod.test, client unknown");
  });

  it("shows its own certificate", async () => {
    const client = authority.issue(["the gateway"]);
    const demand = { ca: authority.cert, requestCert: true, rejectUnauthorized: true };
    expect(await seen(demand, { ca: authority.cert, ...client })).toBe("no sni, client the gateway");
  });

  it("accepts anything when told to be insecure", async () => {
    expect(await seen({}, { insecure: true, serverName: "other.test" })).toBe("sni other.test, client unknown");
  });

  it.each([
    ["a certificate of an unknown authority", {}, /unable to|unknown issuer|self.signed|UnknownIssuer/i],
    ["a certificate for another name", { ca: authority.cert, serverName: "other.test" }, /other\.test|NotValidForName/],
    ["a CA that is no certificate", { ca: "not PEM" }, /./],
  ])("refuses %s, naming the pod", async (_what, dialTls, message) => {
    const port = await serverOf(tlsServer(), { port: 0 });
    const handler = await failure(createTestMachine(), tcp(port), { ...PATIENT, tls: dialTls });
    expect(handler.events).toEqual(["closed"]);
    expect(handler.reason?.message).toContain(`127.0.0.1:${port}: `);
    expect(handler.reason?.message).toMatch(message);
  });

  it.each([
    ["selects another protocol", { ALPNProtocols: ["http/1.1"] }],
    ["does not speak ALPN", { ALPNProtocols: [] }],
  ])("refuses a pod that %s", async (_what, options) => {
    const port = await serverOf(tlsServer(options), { port: 0 });
    const handler = await failure(createTestMachine(), tcp(port), { ...PATIENT, tls: { ca: authority.cert } });
    expect(handler.events).toEqual(["closed"]);
    expect(handler.reason?.message).toContain(`TLS handshake with 127.0.0.1:${port}`);
  });

  it("gives up a handshake that is not answered", async () => {
    const port = await serverOf(net.createServer(), { port: 0 });
    const handler = await failure(createTestMachine(), tcp(port), { timeoutMs: 30, tls: { ca: authority.cert } });
    expect(handler.events).toEqual(["closed"]);
    expect(handler.reason?.message).toBe(`TLS handshake with 127.0.0.1:${port}: not established within 30 ms`);
  });

  it("says so when the other side does not speak TLS", async () => {
    const port = await serverOf(
      net.createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
      { port: 0 },
    );
    const handler = await failure(createTestMachine(), tcp(port), { ...PATIENT, tls: { ca: authority.cert } });
    expect(handler.reason?.message).toContain(`TLS handshake with 127.0.0.1:${port}: `);
  });
});
