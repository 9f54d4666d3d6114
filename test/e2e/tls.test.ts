import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createAuthority } from "../support/certs.ts";
import { pathOf } from "./support/echo.ts";
import { type GatewayProcess, startGatewayProcess } from "./support/gateway.ts";
import { type Pod, startPod } from "./support/pods.ts";
import { expectQuiet } from "./support/quiet.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** TLS towards clients: a stock client with a certificate authority, ALPN, and clients that must show a certificate. */

const authority = createAuthority();
const served = authority.issue(["localhost", "127.0.0.1"]);
const known = authority.issue(["client"]);
const stranger = createAuthority("another").issue(["client"]);
const ca = Buffer.from(authority.cert);
let folder: string;
let pod: Pod;

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fairlead-tls-"));
  pod = await startPod("grpc-js");
});
afterAll(async () => {
  await pod?.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const bytes = (message: Buffer): Buffer => message;

/** The status code of one unary call. */
async function codeOf(address: string, credentials: grpc.ChannelCredentials): Promise<number> {
  // A TLS server name is never an IP address (RFC 6066 3): newer Nodes throw when a client tries.
  const options = { "grpc.use_local_subchannel_pool": 1, "grpc.ssl_target_name_override": "localhost" };
  const client = new grpc.Client(address, credentials, options);
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(pathOf("Unary"), bytes, bytes, Buffer.from([0x0a, 1, 65]), (error, answer) => {
        if (error === null) expect(answer).toEqual(Buffer.from([0x0a, 1, 65]));
        resolve(error === null ? 0 : error.code);
      });
    });
  } finally {
    client.close();
  }
}

async function start(args: readonly string[]): Promise<GatewayProcess> {
  const tls = { certFile: file("cert.pem", served.cert), keyFile: file("key.pem", served.key) };
  return startGatewayProcess({ target: `ipv4:${pod.address}`, tls, args: ["--drain-timeout", "3s", ...args] });
}

/** Every client of these tests is gone by now, so there is nothing to wait for: whoever is still counted has leaked. */
async function stop(gateway: GatewayProcess | undefined): Promise<void> {
  if (gateway === undefined) return;
  await expectQuiet(gateway);
  expect(await gateway.stop()).toBe(0);
  expect(gateway.child.reports.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
}

describe("tls", () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await start([]);
  });
  afterAll(() => stop(gateway));

  test("a client that trusts the authority: is served", async () => {
    expect(await codeOf(gateway.address, grpc.credentials.createSsl(ca))).toBe(0);
  });

  test("a client that does not: fails by itself", async () => {
    expect(await codeOf(gateway.address, grpc.credentials.createSsl())).toBe(grpc.status.UNAVAILABLE);
  });

  test("ALPN: h2 is chosen where it is offered, http/1.1 where it is not", async () => {
    const chosen = (offers: string[]): Promise<string | false | null> =>
      new Promise((resolve, reject) => {
        const socket = connectTls({ host: gateway.host, port: gateway.port, ca, ALPNProtocols: offers }, () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        });
        socket.once("error", reject);
      });
    expect(await chosen(["http/1.1", "h2"])).toBe("h2");
    expect(await chosen(["http/1.1"])).toBe("http/1.1");
  });

  test("plaintext on the port of TLS: is refused, and the gateway lives on", async () => {
    const session = connectHttp2(`http://${gateway.address}`);
    session.on("error", () => {});
    await new Promise((resolve) => session.once("close", resolve));
    expect(await codeOf(gateway.address, grpc.credentials.createSsl(ca))).toBe(0);
  });
});

describe("tls with client certificates", () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await start(["--client-ca", file("client-ca.pem", authority.cert)]);
  });
  afterAll(() => stop(gateway));

  const shows = (certificate: { cert: string; key: string }): grpc.ChannelCredentials =>
    grpc.credentials.createSsl(ca, Buffer.from(certificate.key), Buffer.from(certificate.cert));

  test("from the authority: is served", async () => {
    expect(await codeOf(gateway.address, shows(known))).toBe(0);
  });

  test("from another authority, or none at all: is refused in the handshake", async () => {
    expect(await codeOf(gateway.address, shows(stranger))).toBe(grpc.status.UNAVAILABLE);
    expect(await codeOf(gateway.address, grpc.credentials.createSsl(ca))).toBe(grpc.status.UNAVAILABLE);
  });
});

describe("certificates that are renewed", () => {
  /** Shows what the gateway does not know before the renewal. */
  const next = createAuthority("next");
  const nextCa = Buffer.from(next.cert);

  test("files that change: clients and pods see the new ones, without a restart and without a lost connection", async () => {
    const gateway = await start(["--client-ca", file("renewed-ca.pem", authority.cert)]);
    const early = new grpc.Client(
      gateway.address,
      grpc.credentials.createSsl(ca, Buffer.from(known.key), Buffer.from(known.cert)),
      { "grpc.use_local_subchannel_pool": 1, "grpc.ssl_target_name_override": "localhost" },
    );
    const call = () =>
      new Promise<number>((resolve) => {
        early.makeUnaryRequest(pathOf("Unary"), bytes, bytes, Buffer.from([0x0a, 1, 65]), (error) =>
          resolve(error?.code ?? 0),
        );
      });
    try {
      expect(await call()).toBe(0);
      const fresh = next.issue(["localhost", "127.0.0.1"]);
      const client = next.issue(["client"]);
      const shows = grpc.credentials.createSsl(nextCa, Buffer.from(client.key), Buffer.from(client.cert));
      expect(await codeOf(gateway.address, shows)).toBe(grpc.status.UNAVAILABLE);
      file("cert.pem", fresh.cert);
      file("key.pem", fresh.key);
      file("renewed-ca.pem", next.cert);
      // The files may be looked at while they are being written: then this comes twice.
      while ((await codeOf(gateway.address, shows)) !== 0)
        await gateway.child.report(({ event }) => event === "certificates reloaded");
      expect(
        await codeOf(gateway.address, grpc.credentials.createSsl(ca, Buffer.from(known.key), Buffer.from(known.cert))),
      ).toBe(grpc.status.UNAVAILABLE);
      // The connection of before goes on.
      expect(await call()).toBe(0);
    } finally {
      early.close();
      await expectQuiet(gateway);
      expect(await gateway.stop()).toBe(0);
    }
  });
});
