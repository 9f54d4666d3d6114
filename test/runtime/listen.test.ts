import net from "node:net";
import tls from "node:tls";
import { describe, expect, it } from "vitest";
import type { Acceptor, Listening, ListenOptions } from "../../src/runtime/machine.ts";
import { createAuthority } from "../support/certs.ts";
import { createTestMachine, track } from "../support/harness.ts";
import { http1Answers } from "../support/http1-answers.ts";
import { recordingHandler } from "../support/recording-handler.ts";
import { bytesOf, PREFACE } from "./connections.ts";

const authority = createAuthority();
const identity = authority.issue(["localhost", "127.0.0.1"]);
const otherAuthority = createAuthority("another authority");

/** Answers every HTTP/2 connection with what it received, every request of HTTP/1.1 with what it asked. */
const echo: Acceptor = {
  http2: (stream, secure) =>
    recordingHandler({
      received: (bytes) => void stream.writeAll([bytesOf(secure ? "h2 tls:" : "h2:"), bytes]),
      ended: () => stream.end(),
    }),
  http1: http1Answers(({ method, path, body }) => `h1 ${method} ${path} ${new TextDecoder().decode(body)}`),
};

async function listenEcho(options: Partial<ListenOptions> = {}, acceptor: Acceptor = echo): Promise<Listening> {
  return track(await createTestMachine().listen({ host: "127.0.0.1", port: 0, ...options }, acceptor));
}

interface Client {
  readonly socket: net.Socket;
  /** Resolves with everything read so far once it contains the text. */
  until(text: string): Promise<string>;
  /** Resolves with everything read, at the close; a reset reads as ` (reset)` at the end. */
  closed(): Promise<string>;
}

/** A client that is not ours. */
function client(socket: net.Socket): Client {
  let read = "";
  let waiters: (() => void)[] = [];
  const wake = () => {
    const woken = waiters;
    waiters = [];
    for (const waiter of woken) waiter();
  };
  socket.on("data", (bytes: Buffer) => {
    read += bytes.toString("latin1");
    wake();
  });
  socket.on("error", () => {
    read += " (reset)";
  });
  socket.on("close", wake);
  track({ close: () => socket.destroy() });
  const until = async (done: () => boolean): Promise<string> => {
    while (!done()) await new Promise<void>((resolve) => waiters.push(resolve));
    return read;
  };
  return {
    socket,
    until: async (text) => {
      await until(() => read.includes(text) || socket.closed);
      if (!read.includes(text)) throw new Error(`closed without "${text}", after: ${read}`);
      return read;
    },
    closed: () => until(() => socket.closed),
  };
}

const plainClient = (listening: Listening) => client(net.connect(listening.port, "127.0.0.1"));

function tlsClient(listening: Listening, options: tls.ConnectionOptions = {}): Client {
  return client(
    tls.connect({ port: listening.port, host: "127.0.0.1", servername: "localhost", ca: authority.cert, ...options }),
  );
}

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

describe("listener, plaintext", () => {
  it("gives HTTP/2 to the acceptor, the preface included", async () => {
    const c = plainClient(await listenEcho());
    c.socket.write(`${PREFACE}frames`);
    expect(await c.until("frames")).toBe(`h2:${PREFACE}frames`);
  });

  it("recognises a preface that comes in pieces", async () => {
    const c = plainClient(await listenEcho());
    c.socket.setNoDelay(true);
    for (const character of PREFACE) {
      // Each piece has been sent before the next one is written.
      await new Promise((resolve) => c.socket.write(character, resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    c.socket.write("frames");
    expect((await c.until("frames")).replaceAll("h2:", "")).toBe(`${PREFACE}frames`);
  });

  it("answers HTTP/1.1, several requests on one connection", async () => {
    const c = plainClient(await listenEcho());
    c.socket.write("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody");
    expect(await c.until("h1 POST /a body")).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    c.socket.write(GET("/b"));
    await c.until("h1 GET /b ");
    c.socket.write(GET("/c") + GET("/d"));
    await c.until("h1 GET /d ");
  });

  it("answers HTTP/1.1 whose first byte comes alone", async () => {
    const c = plainClient(await listenEcho());
    // "P" could still become the preface of HTTP/2.
    await new Promise((resolve) => c.socket.write("P", resolve));
    await new Promise((resolve) => setImmediate(resolve));
    c.socket.write("UT /late HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    await c.until("h1 PUT /late ");
  });

  it("answers HTTP/1.0 without Host, as health checks send it", async () => {
    const c = plainClient(await listenEcho());
    c.socket.write("OPTIONS / HTTP/1.0\r\n\r\n");
    expect(await c.closed()).toContain("h1 OPTIONS / ");
  });

  it.each([
    ["a line that is no request", "INVALID CONNECTION PREFACE\r\n\r\n"],
    ["a preface that goes wrong at its end", `${PREFACE.slice(0, -3)}!!!`],
  ])("closes without an answer after %s", async (_what, text) => {
    const c = plainClient(await listenEcho());
    c.socket.write(text);
    expect(await c.closed()).toBe("");
  });

  it("answers a TLS hello with 400 and closes", async () => {
    const c = plainClient(await listenEcho());
    c.socket.write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "latin1");
    expect(await c.closed()).toMatch(/^HTTP\/1\.1 400 Bad Request/);
  });

  it("overlooks an empty line before a request", async () => {
    const c = plainClient(await listenEcho());
    c.socket.write(`\r\n${GET("/")}`);
    await c.until("h1 GET / ");
  });

  it("carries large bodies of HTTP/1.1 both ways", async () => {
    const http1 = http1Answers(({ body }) => Buffer.from(body).toString("latin1"));
    const listening = await listenEcho({}, { ...echo, http1 });
    const body = Buffer.from(new Uint8Array(1_000_000).map((_, i) => i % 127));
    const response = await fetch(`http://127.0.0.1:${listening.port}/`, { method: "POST", body });
    expect(body.equals(new Uint8Array(await response.arrayBuffer()))).toBe(true);
  });

  it.each([
    ["says nothing", ""],
    ["begins a preface and goes no further", "PRI * HT"],
  ])("lets go of a client that %s", async (_what, text) => {
    const c = plainClient(await listenEcho({ headTimeoutMs: 40 }));
    c.socket.write(text);
    await c.closed();
  });

  it("lets go of a client that leaves without a word", async () => {
    const listening = await listenEcho();
    const c = plainClient(listening);
    c.socket.end();
    await c.closed();
  });

  it("does not limit the time of a handed-over HTTP/2 connection", async () => {
    const listening = await listenEcho({ headTimeoutMs: 30 });
    const busy = plainClient(listening);
    busy.socket.write(PREFACE);
    await busy.until(PREFACE);
    // This one is started later and lives for the whole limit; the first must outlive it.
    await plainClient(listening).closed();
    busy.socket.write("still here");
    await busy.until("still here");
  });
});

describe("listener, TLS", () => {
  const secure = { tls: { cert: identity.cert, key: identity.key } };

  it("goes by ALPN: h2 to the acceptor", async () => {
    const c = tlsClient(await listenEcho(secure), { ALPNProtocols: ["http/1.1", "h2"] });
    c.socket.write(`${PREFACE}frames`);
    expect((await c.until("frames")).replaceAll("h2 tls:", "")).toBe(`${PREFACE}frames`);
  });

  it("goes by ALPN: http/1.1 with the scheme https", async () => {
    const http1 = http1Answers(({ scheme, path }) => `url ${scheme}:${path}.`);
    const listening = await listenEcho(secure, { ...echo, http1 });
    const c = tlsClient(listening, { ALPNProtocols: ["http/1.1"] });
    c.socket.write(GET("/s"));
    await c.until("url https:/s.");
    c.socket.write(GET("/again"));
    await c.until("url https:/again.");
  });

  it("looks at the first bytes when the client has no ALPN", async () => {
    const listening = await listenEcho(secure);
    const http2 = tlsClient(listening);
    http2.socket.write(`${PREFACE}frames`);
    expect((await http2.until("frames")).replaceAll("h2 tls:", "")).toBe(`${PREFACE}frames`);
    const http1 = tlsClient(listening);
    http1.socket.write(GET("/plain"));
    await http1.until("h1 GET /plain ");
  });

  it("lets go of a client that does not begin the handshake", async () => {
    const c = plainClient(await listenEcho({ ...secure, headTimeoutMs: 40 }));
    await c.closed();
  });

  it("survives a client that does not speak TLS", async () => {
    const listening = await listenEcho(secure);
    const c = plainClient(listening);
    c.socket.write(GET("/"));
    await c.closed();
    const good = tlsClient(listening, { ALPNProtocols: ["http/1.1"] });
    good.socket.write(GET("/good"));
    await good.until("h1 GET /good ");
  });

  describe("with a client authority", () => {
    const mutual = { tls: { ...secure.tls, clientCa: authority.cert } };

    it("accepts a client that it certified", async () => {
      const c = tlsClient(await listenEcho(mutual), { ...authority.issue(["a client"]), ALPNProtocols: ["h2"] });
      c.socket.write(`${PREFACE}frames`);
      await c.until("frames");
    });

    it.each([
      ["without a certificate", {}],
      ["with another authority's certificate", otherAuthority.issue(["a client"])],
    ])("refuses a client %s", async (_what, certificate) => {
      let accepted = 0;
      const listening = await listenEcho(mutual, {
        http2: (stream, tlsUsed) => {
          accepted++;
          return echo.http2(stream, tlsUsed);
        },
        http1: echo.http1,
      });
      const c = tlsClient(listening, { ...certificate, ALPNProtocols: ["h2"] });
      c.socket.write(PREFACE);
      expect(await c.closed()).not.toContain("h2");
      expect(accepted).toBe(0);
    });
  });

  describe("after a renewal", () => {
    const renewed = authority.issue(["localhost", "renewed.test"]);
    const namesOf = (c: Client) => (c.socket as tls.TLSSocket).getPeerCertificate().subjectaltname;
    const open = async (listening: Listening, options: tls.ConnectionOptions = {}) => {
      const c = tlsClient(listening, { ALPNProtocols: ["http/1.1"], ...options });
      c.socket.write(GET("/"));
      await c.until("h1 GET / ");
      return c;
    };

    it("shows the new certificate from the next handshake on, and keeps the connections that are open", async () => {
      const listening = await listenEcho(secure);
      const early = await open(listening);
      expect(namesOf(early)).not.toContain("renewed.test");
      listening.renew(renewed);
      expect(namesOf(await open(listening))).toContain("renewed.test");
      early.socket.write(GET("/again"));
      await early.until("h1 GET /again ");
    });

    it("stays with what it has when the new one cannot be used, and says why", async () => {
      const listening = await listenEcho(secure);
      expect(() => listening.renew({ cert: renewed.cert, key: identity.key })).toThrow(
        "the key does not belong to the certificate",
      );
      expect(namesOf(await open(listening))).not.toContain("renewed.test");
    });

    it("demands certificates of the new authority alone, whatever session a client comes back with", async () => {
      const listening = await listenEcho({ tls: { ...secure.tls, clientCa: authority.cert } });
      const own = authority.issue(["a client"]);
      // Deno's clients do not tell of theirs.
      const sessions: { session?: Buffer }[] = [{}];
      const early = tlsClient(listening, { ...own, ALPNProtocols: ["http/1.1"] });
      early.socket.on("session", (session: Buffer) => sessions.push({ session }));
      early.socket.write(GET("/"));
      await early.until("h1 GET / ");
      listening.renew({ ...secure.tls, clientCa: otherAuthority.cert });
      await open(listening, otherAuthority.issue(["a client"]));
      for (const session of sessions) {
        const c = tlsClient(listening, { ...own, ...session, ALPNProtocols: ["http/1.1"] });
        c.socket.write(GET("/"));
        expect(await c.closed()).not.toContain("h1 GET / ");
      }
    });
  });

  const { key } = authority.issue(["another key"]);
  it.each([
    ["the certificate does not load", { ...identity, cert: "not PEM" }],
    ["the key does not load", { ...identity, key: "not PEM" }],
    ["the key does not belong to the certificate", { ...identity, key }],
    ["the authority does not load", { ...identity, clientCa: "not PEM" }],
  ])("does not start when %s, and says so", async (what, broken) => {
    const listening = createTestMachine().listen({ host: "127.0.0.1", port: 0, tls: broken }, echo);
    await expect(listening).rejects.toThrow(`listen on 127.0.0.1:0: ${what}`);
  });
});

describe("listener, its life", () => {
  it("says that a port is taken", async () => {
    const { port } = await listenEcho();
    await expect(listenEcho({ port })).rejects.toThrow(new RegExp(`^listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`));
  });

  it("says that an address is not ours", async () => {
    // 192.0.2.0/24 is reserved for documentation (RFC 5737): nothing is sent, binding fails.
    await expect(listenEcho({ host: "192.0.2.1" })).rejects.toThrow(/^listen on 192\.0\.2\.1:0: /);
  });

  it("counts connections of both kinds", async () => {
    const listening = await listenEcho();
    expect(listening.connections()).toBe(0);
    const http2 = plainClient(listening);
    http2.socket.write(PREFACE);
    await http2.until(PREFACE);
    const http1 = plainClient(listening);
    http1.socket.write(GET("/"));
    await http1.until("h1 GET / ");
    expect(listening.connections()).toBe(2);
  });

  it("after stop refuses new connections and lets the others go on", async () => {
    const listening = await listenEcho();
    const http2 = plainClient(listening);
    http2.socket.write(PREFACE);
    await http2.until(PREFACE);
    const http1 = plainClient(listening);
    http1.socket.write(GET("/"));
    await http1.until("h1 GET / ");

    listening.stop();
    const late = plainClient(listening);
    expect(await late.closed()).toBe(" (reset)");
    http2.socket.write("frames");
    await http2.until("frames");
    http1.socket.write(GET("/again"));
    await http1.until("h1 GET /again ");
    http1.socket.end();
    http2.socket.end();
    await Promise.all([http1.closed(), http2.closed()]);
    await listening.close();
    expect(listening.connections()).toBe(0);
  });

  it.each(["plaintext", "TLS"])("after close has no connection left, whatever they were doing: %s", async (kind) => {
    const secure = kind === "TLS";
    const machine = createTestMachine();
    const listening = await machine.listen(
      { host: "127.0.0.1", port: 0, ...(secure ? { tls: identity } : {}) },
      { ...echo, http1: http1Answers(() => undefined) },
    );
    const connect = (protocol: string) =>
      secure ? tlsClient(listening, { ALPNProtocols: [protocol] }) : plainClient(listening);
    const http2 = connect("h2");
    http2.socket.write(PREFACE);
    await http2.until(PREFACE);
    const clients = [http2, connect("http/1.1"), plainClient(listening)];
    clients[1].socket.write(GET("/never"));
    expect(machine.openSockets()).toBeGreaterThan(1);
    await listening.close();
    await listening.close();
    expect(machine.openSockets()).toBe(0);
    await Promise.all(clients.map((c) => c.closed()));
  });
});
