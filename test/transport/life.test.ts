import { spawn } from "node:child_process";
import { createSecureServer } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { describe, expect, test, vi } from "vitest";
import { EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { createTransport } from "../../src/transport/create-transport.ts";
import type { TransportOptions } from "../../src/transport/options.ts";
import { onNode } from "../e2e/support/runtimes.ts";
import { startNames } from "../scenarios/support/names.ts";
import { createAuthority } from "../support/certs.ts";
import { deferred } from "../support/deferred.ts";
import { track } from "../support/harness.ts";
import { startTestPod, type TestPod } from "./support/pods.ts";
import { trackTransport } from "./support/transport.ts";

/** The machine may be busy with other tests. */
const PATIENT = { timeout: 15_000 };

const failure = (call: Promise<unknown>): Promise<ConnectError> =>
  call.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => ConnectError.from(error),
  );

/** A pod whose calls wait until they are let go. */
async function startHolding(): Promise<{ readonly pod: TestPod; readonly arrived: Promise<void>; release(): void }> {
  const { promise: held, resolve: release } = deferred();
  const { promise: arrived, resolve: began } = deferred();
  const pod = await startTestPod((router) => {
    router.service(EchoService, {
      echo: async ({ text }) => {
        began();
        await held;
        return { text };
      },
    });
  });
  return { pod, arrived, release };
}

const answering = (name: string, host?: string, port?: number): Promise<TestPod> =>
  startTestPod(
    (router) => {
      router.service(EchoService, { echo: () => ({ pod: name }) });
    },
    host,
    port,
  );

describe("transport: life", () => {
  test("nothing is opened before the first call", async () => {
    const pod = await answering("a");
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` });
    expect(transport.view().endpoints).toEqual([]);
    await createClient(EchoService, transport).echo({});
    expect(transport.view().endpoints.map(({ address, state }) => [address, state])).toEqual([[pod.name, "ready"]]);
  });

  test("connect: resolves when a pod is ready", async () => {
    const pod = await answering("a");
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` });
    await transport.connect();
    expect(transport.view().endpoints[0].state).toBe("ready");
    await transport.connect();
  });

  test("connect: fails with the reason when no pod can be reached", async () => {
    const transport = trackTransport({ target: "ipv4:127.0.0.1:1" });
    const error = await failure(transport.connect());
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toContain("ECONNREFUSED 127.0.0.1:1");
  });

  test("connect: waits also where calls may not", async () => {
    const pod = await answering("a");
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}`, maxPending: 0 });
    const client = createClient(EchoService, transport);
    expect((await failure(client.echo({}))).code).toBe(Code.ResourceExhausted);
    await transport.connect();
    expect((await client.echo({})).pod).toBe("a");
  });

  test("connect: ends with its transport", async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket.on("error", () => {}).resume()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    track({ close: () => new Promise((resolve) => server.close(resolve)) });
    const target = `ipv4:127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = trackTransport({ target });
    const [connecting, calling] = [
      failure(transport.connect()),
      failure(createClient(EchoService, transport).echo({})),
    ];
    await expect.poll(() => sockets.size).toBe(1);
    await transport.close();
    expect((await connecting).rawMessage).toBe("this side is closing");
    expect((await calling).rawMessage).toBe("upstream pick, this side is closing");
    for (const socket of sockets) socket.destroy();
  });

  test("close: open calls fail with unavailable, no socket stays open, and later calls are refused", async () => {
    const { pod, arrived } = await startHolding();
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` });
    const client = createClient(EchoService, transport);
    const open = failure(client.echo({}));
    await arrived;
    await transport.close();
    expect((await open).code).toBe(Code.Unavailable);
    expect((await failure(client.echo({}))).rawMessage).toBe("the transport is closed");
    expect((await failure(transport.connect())).rawMessage).toBe("the transport is closed");
    await transport.close();
  });

  test("close: before the first call there is nothing to do", async () => {
    await createTransport({ target: "dns:///nowhere.invalid:1" }).close();
  });

  test("drain: open calls finish, new ones are refused", async () => {
    const { pod, arrived, release } = await startHolding();
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` });
    const client = createClient(EchoService, transport);
    const open = client.echo({ text: "stays" });
    await arrived;
    const drained = transport.drain();
    expect((await failure(client.echo({}))).code).toBe(Code.Unavailable);
    release();
    expect((await open).text).toBe("stays");
    await drained;
    expect(transport.view().endpoints.every(({ connections }) => connections === 0)).toBe(true);
  });

  test("a pod that takes no connections is passed over", async () => {
    const pod = await answering("good", "127.0.0.1");
    const transport = trackTransport({ target: `ipv4:127.0.0.2:${pod.port},127.0.0.1:${pod.port}` });
    const client = createClient(EchoService, transport);
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.echo({})));
    expect(new Set(answers.map((answer) => answer.pod))).toEqual(new Set(["good"]));
  });

  test("a pod that leaves in order while calls come: none fails", async () => {
    const first = await answering("first", "127.0.0.1");
    const second = await answering("second", "127.0.0.2", first.port);
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${first.port},127.0.0.2:${first.port}` });
    const client = createClient(EchoService, transport);
    await transport.connect();
    let stopping = false;
    const seen = new Map<string, number>();
    const loops = Array.from({ length: 16 }, async () => {
      while (!stopping) {
        const { pod } = await client.echo({});
        seen.set(pod, (seen.get(pod) ?? 0) + 1);
      }
    });
    await expect.poll(() => Math.min(seen.get("first") ?? 0, seen.get("second") ?? 0), PATIENT).toBeGreaterThan(50);
    await first.close();
    const then = seen.get("second") ?? 0;
    await expect.poll(() => seen.get("second") ?? 0, PATIENT).toBeGreaterThan(then + 200);
    stopping = true;
    await Promise.all(loops);
    expect(second.connections()).toBe(1);
  });

  test("TLS: the target's certificate is verified, and a client certificate is shown", async () => {
    const authority = createAuthority();
    const server = authority.issue(["localhost", "127.0.0.1"]);
    const client = authority.issue(["a client"]);
    const routes = connectNodeAdapter({
      routes: (router) => {
        router.service(EchoService, { echo: ({ text }) => ({ text }) });
      },
    });
    const pod = createSecureServer(
      { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      routes,
    );
    pod.on("sessionError", () => {});
    await new Promise<void>((resolve) => pod.listen(0, "127.0.0.1", resolve));
    track({ close: () => new Promise((resolve) => pod.close(resolve)) });
    const target = `ipv4:127.0.0.1:${(pod.address() as AddressInfo).port}`;
    const good = trackTransport({
      target,
      tls: { ca: authority.cert, serverName: "localhost", ...client },
    });
    expect((await createClient(EchoService, good).echo({ text: "secret" })).text).toBe("secret");
    const strange = trackTransport({
      target,
      tls: { ca: createAuthority().cert, serverName: "localhost", ...client },
    });
    expect((await failure(createClient(EchoService, strange).echo({}))).rawMessage).toMatch(/TLS handshake/);
    await strange.close();
    // TLS 1.3 tells it after the handshake, as far as the client is concerned.
    const anonymous = trackTransport({ target, tls: { ca: authority.cert, serverName: "localhost" } });
    expect((await failure(createClient(EchoService, anonymous).echo({}))).rawMessage).toMatch(
      /last error: .*certificate[ _]?required$/i,
    );
    await anonymous.close();
    await good.close();
  });

  test("TLS: a server name that is given as undefined is the target's", async () => {
    const authority = createAuthority();
    const names = track(await startNames());
    names.publish("echo.example", ["127.0.0.1"]);
    const routes = connectNodeAdapter({
      routes: (router) => {
        router.service(EchoService, { echo: ({ text }) => ({ text }) });
      },
    });
    const pod = createSecureServer(authority.issue(["echo.example"]), routes);
    await new Promise<void>((resolve) => pod.listen(0, "127.0.0.1", resolve));
    track({ close: () => new Promise((resolve) => pod.close(resolve)) });
    const target = `dns://${names.address}/echo.example:${(pod.address() as AddressInfo).port}`;
    for (const given of [{}, { serverName: undefined as never }]) {
      const transport = trackTransport({ target, tls: { ca: authority.cert, ...given } });
      expect((await createClient(EchoService, transport).echo({ text: "secret" })).text).toBe("secret");
      await transport.close();
    }
  });

  test("pods with IPv6 addresses", async () => {
    const pod = await answering("six", "::1").catch((reason: Error) => {
      console.log(`skipped: pods with IPv6 addresses: ${reason.message}`);
      return null;
    });
    if (pod === null) return;
    for (const target of [`ipv6:[::1]:${pod.port}`, `dns:///[::1]:${pod.port}`]) {
      const transport = trackTransport({ target });
      expect((await createClient(EchoService, transport).echo({})).pod).toBe("six");
      expect(transport.view().endpoints.map(({ address }) => address)).toEqual([`[::1]:${pod.port}`]);
    }
  });

  test.each<[string, { readonly names?: string[]; readonly age?: number; readonly alpn?: string[] }, RegExp]>([
    ["of another name", { names: ["other.example"] }, /not match certificate's altnames: Host: localhost\./],
    ["that has expired", { age: 10 }, /certificate has expired|unable to verify the first certificate/],
    ["for a server of HTTP/1.1 alone", { alpn: ["http/1.1"] }, /: .*no[ _]?application[ _]?protocol$/i],
    ["for a server without ALPN", { alpn: [] }, /the other side did not agree to HTTP\/2 by ALPN$/],
  ])("TLS: a certificate %s", async (_what, { names = ["localhost"], age = 0, alpn = ["h2"] }, said) => {
    const authority = createAuthority();
    const now = Date.now();
    const clock = vi.spyOn(Date, "now").mockReturnValue(now - age * 24 * 60 * 60 * 1000);
    const server = authority.issue(names);
    clock.mockRestore();
    const pod = createTlsServer({ ...server, ...(alpn.length > 0 ? { ALPNProtocols: alpn } : {}) }, (socket) =>
      socket.on("error", () => {}).resume(),
    );
    await new Promise<void>((resolve) => pod.listen(0, "127.0.0.1", resolve));
    track({ close: () => new Promise((resolve) => pod.close(resolve)) });
    const target = `ipv4:127.0.0.1:${(pod.address() as AddressInfo).port}`;
    const transport = trackTransport({ target, tls: { ca: authority.cert, serverName: "localhost" } });
    const error = await failure(createClient(EchoService, transport).echo({}));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toMatch(said);
    await transport.close();
  });

  test("a pod that accepts connections and says nothing: the call's deadline, and otherwise connectTimeoutMs", async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket.on("error", () => {}).resume()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    track({
      close: () => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      },
    });
    const target = `ipv4:127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = trackTransport({ target, connectTimeoutMs: 1_000 });
    const client = createClient(EchoService, transport);
    const [late, given] = await Promise.all([failure(client.echo({}, { timeoutMs: 50 })), failure(client.echo({}))]);
    expect([late.code, given.code]).toEqual([Code.DeadlineExceeded, Code.Unavailable]);
    expect(given.rawMessage).toContain("the first SETTINGS took too long");
  });

  test("a log that throws disturbs nobody", async () => {
    const pod = await answering("a");
    const throwing = (): void => {
      throw new Error("the disk is full");
    };
    const log = { debug: throwing, info: throwing, warn: throwing, error: throwing };
    const transport = trackTransport({ target: `ipv4:127.0.0.2:1,127.0.0.1:${pod.port}`, log });
    expect((await createClient(EchoService, transport).echo({})).pod).toBe("a");
  });

  test("a server that is no HTTP/2: unavailable, and it is said why", async () => {
    const server = createServer((socket) => socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    track({ close: () => new Promise((resolve) => server.close(resolve)) });
    const { port } = server.address() as AddressInfo;
    const error = await failure(
      createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${port}` })).echo({}),
    );
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toContain("what arrived is not HTTP/2");
  });

  test("options: what is wrong is said with what would be right", () => {
    expect(() => createTransport({ target: "http://echo:50051" })).toThrow(/write dns:\/\/\/echo:50051/);
    expect(() => createTransport({ target: "dns:///echo:1", maxPending: -1 })).toThrow(/maxPending: -1 is not from 0/);
    expect(() => createTransport({ target: "dns:///echo:1", dns: { periodMs: 10 } })).toThrow(/dns.periodMs: 10/);
    const policy = "fastest" as "random";
    expect(() => createTransport({ target: "dns:///echo:1", policy })).toThrow(
      /"fastest" is none of least_outstanding/,
    );
  });

  test.each([
    [undefined, /options must be an object/],
    [{}, /target is missing; write dns:/],
    [{ target: 7 }, /target must be a text/],
    [{ target: "dns:///echo:1", dns: null }, /dns must be an object/],
    [{ target: "dns:///echo:1", dns: { period: 1 } }, /dns\.period is no option; there are periodMs/],
    [{ target: "dns:///echo:1", connectTimeoutMs: "5" }, /connectTimeoutMs must be a number/],
    [{ target: "dns:///echo:1", maxPending: 1.5 }, /maxPending must be a whole number/],
    [{ target: "dns:///echo:1", tls: true }, /tls must be an object/],
    [{ target: "dns:///echo:1", authority: "" }, /authority must be a text that is not empty/],
    [{ target: "dns:///echo:1", defaultTimeoutMs: -5 }, /defaultTimeoutMs must be a positive number/],
    [{ target: "dns:///echo:1", polcy: "random" }, /polcy is no option; there are target, policy/],
    [{ target: "dns:///echo:1", dns: [] }, /dns must be an object/],
    [{ target: "dns:///echo:1", tls: { servername: "a" } }, /tls\.servername is no option; there are ca, serverName/],
    [{ target: "dns:///echo:1", tls: { insecure: "no" } }, /tls\.insecure must be a boolean/],
    [{ target: "dns:///echo:1", tls: { ca: 7 } }, /tls\.ca must be a PEM text/],
    [{ target: "dns:///echo:1", authority: "http://echo:1" }, /"http:\/\/echo:1" is not a host with or without a port/],
    [{ target: "dns:///echo:1", authority: "me@echo" }, /"me@echo" is not a host/],
    [{ target: "dns:///echo:1", authority: "echo\r\nx" }, /is not a host/],
    [{ target: "dns:///echo:1", readMaxBytes: 0 }, /readMaxBytes must be a number of bytes from 1 to 4294967295/],
    [
      { target: "dns:///echo:1", writeMaxBytes: 2 ** 40 },
      /writeMaxBytes must be a number of bytes from 1 to 4294967295/,
    ],
    [{ target: "dns:///echo:1", compressMinBytes: -1 }, /compressMinBytes must be a number of bytes/],
    [{ target: "dns:///echo:1", sendCompression: "gzip" }, /sendCompression must be a compression or null/],
    [{ target: "dns:///echo:1", acceptCompression: ["gzip"] }, /acceptCompression must be a list of compressions/],
    [{ target: "dns:///echo:1", interceptors: [null] }, /interceptors must be a list of functions/],
    [{ target: "dns:///echo:1", log: {} }, /the log has no function debug/],
  ])("options: without a compiler, %j is refused, too", (options, said) => {
    expect(() => createTransport(options as unknown as TransportOptions)).toThrow(said);
  });

  test("a process ends when its calls have, though nobody closed the transport", async () => {
    const pod = await answering("a");
    const { program, args } = onNode("test/transport/support/forgetful.ts");
    const child = spawn(program, [...args, `ipv4:127.0.0.1:${pod.port}`], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (bytes: Buffer) => {
      said += bytes.toString();
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([said, code]).toEqual(["a\n", 0]);
  });
});
