import dgram from "node:dgram";
import net from "node:net";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { type DnsHandle, listenDns } from "../../src/runtime/dns-listen.ts";
import { createTestMachine, track } from "../support/harness.ts";

const OVER = ["udp", "tcp"] as const;

/** An ID and some content: the transport knows nothing more of a message. */
const query = Uint8Array.of(0x12, 0x34, 1, 2, 3);

async function server(handle: DnsHandle) {
  return track(await listenDns({ host: "127.0.0.1", port: 0 }, handle));
}

/** A datagram socket that is not ours. */
async function datagrams(receive: (socket: dgram.Socket, message: Uint8Array, from: dgram.RemoteInfo) => void) {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (message, from) => receive(socket, message, from));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  track({ close: () => new Promise<void>((resolve) => socket.close(resolve)) });
  return { host: "127.0.0.1", port: socket.address().port, socket };
}

/** A TCP server that is not ours. */
async function stream(accept: (socket: net.Socket) => void) {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    accept(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  track({
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => listener.close(resolve));
    },
  });
  const address = listener.address();
  return { host: "127.0.0.1", port: typeof address === "object" && address !== null ? address.port : 0 };
}

/** A port on which nobody listens: just released. */
async function deadPort(): Promise<number> {
  const listening = await listenDns({ host: "127.0.0.1", port: 0 }, () => null);
  await listening.close();
  return listening.port;
}

describe.each(OVER)("dns over %s", (over) => {
  const patient = { over, timeoutMs: 5000 };

  it("gives the answer's bytes", async () => {
    const seen: string[] = [];
    const where = await server((message, via) => {
      seen.push(via);
      return Uint8Array.of(...message, 99);
    });
    const answer = await createTestMachine().dns.exchange(where, query, patient);
    expect([...answer]).toEqual([...query, 99]);
    expect(seen).toEqual([over]);
  });

  it("keeps exchanges apart that run at the same time", async () => {
    const { dns } = createTestMachine();
    const where = await server((message) => message);
    const queries = Array.from({ length: 50 }, (_, i) => Uint8Array.of(0, i, i));
    const answers = await Promise.all(queries.map((q) => dns.exchange(where, q, patient)));
    expect(answers.map((a) => [...a])).toEqual(queries.map((q) => [...q]));
  });

  it("waits no longer than it is told, and says for whom", async () => {
    const where = await server(() => null);
    const exchange = createTestMachine().dns.exchange(where, query, { over, timeoutMs: 30 });
    await expect(exchange).rejects.toMatchObject({
      name: "TimeoutError",
      message: `dns server 127.0.0.1:${where.port} over ${over}: no answer within 30 ms`,
    });
  });

  // Deno's datagram sockets are connected in name only, so that a refusal ends as a time-out there.
  it.skipIf(over === "udp" && "deno" in process.versions)("reports a refusal at once (udp: not on Deno)", async () => {
    const port = await deadPort();
    const exchange = createTestMachine().dns.exchange({ host: "127.0.0.1", port }, query, patient);
    await expect(exchange).rejects.toThrow(
      new RegExp(`^dns server 127\\.0\\.0\\.1:${port} over ${over}: .*ECONNREFUSED`),
    );
  });

  it("rejects for an impossible server instead of throwing", async () => {
    const { dns } = createTestMachine();
    await expect(dns.exchange({ host: "127.0.0.1", port: 70_000 }, query, patient)).rejects.toThrow("127.0.0.1:70000");
  });
});

describe("dns over udp", () => {
  it("drops answers with another ID and goes on waiting", async () => {
    const where = await server((message) => message);
    const forger = await datagrams((socket, message, from) => {
      socket.send(Uint8Array.of(message[0] ^ 1, message[1], 66), from.port, from.address);
      socket.send(Uint8Array.of(message[0]), from.port, from.address);
      socket.send(Uint8Array.of(message[0], message[1], 7), from.port, from.address);
    });
    const { dns } = createTestMachine();
    expect([...(await dns.exchange(forger, query, { over: "udp", timeoutMs: 5000 }))]).toEqual([0x12, 0x34, 7]);
    expect(await dns.exchange(where, query, { over: "udp", timeoutMs: 5000 })).toHaveLength(query.length);
  });

  it("drops answers from strangers", async () => {
    const stranger = await datagrams(() => {});
    const where = await datagrams((socket, message, from) => {
      // The right answer follows only when the forged one has surely been sent.
      stranger.socket.send(Uint8Array.of(message[0], message[1], 66), from.port, from.address, () => {
        socket.send(Uint8Array.of(message[0], message[1], 7), from.port, from.address);
      });
    });
    const answer = await createTestMachine().dns.exchange(where, query, { over: "udp", timeoutMs: 5000 });
    expect(answer[2]).toBe(7);
  });

  it("asks from another port each time", async () => {
    const ports = new Set<number>();
    const where = await datagrams((socket, message, from) => {
      ports.add(from.port);
      socket.send(message, from.port, from.address);
    });
    const { dns } = createTestMachine();
    for (let i = 0; i < 8; i++) await dns.exchange(where, query, { over: "udp", timeoutMs: 5000 });
    expect(ports.size).toBeGreaterThan(1);
  });

  it.each(["::1", "0:0:0:0:0:0:0:1"])("works over IPv6, server written as %s", async (host) => {
    const { port } = track(await listenDns({ host: "::1", port: 0 }, (message) => message));
    const answer = await createTestMachine().dns.exchange({ host, port }, query, { over: "udp", timeoutMs: 5000 });
    expect([...answer]).toEqual([...query]);
  });
});

describe("dns over tcp", () => {
  it("carries messages of the greatest length, in pieces", async () => {
    const long = new Uint8Array(65_535).fill(5);
    long.set(query);
    const where = await server((message) => message);
    const answer = await createTestMachine().dns.exchange(where, long, { over: "tcp", timeoutMs: 5000 });
    expect(Buffer.compare(answer, long)).toBe(0);
  });

  it("puts an answer together that comes byte by byte, and skips one with another ID", async () => {
    const where = await stream((socket) => {
      socket.setNoDelay(true);
      socket.once("data", () => {
        const bytes = [0, 3, 0xff, 0xff, 66, 0, 3, 0x12, 0x34, 7];
        const next = () => {
          const byte = bytes.shift();
          if (byte !== undefined) socket.write(Uint8Array.of(byte), () => setImmediate(next));
        };
        next();
      });
    });
    const answer = await createTestMachine().dns.exchange(where, query, { over: "tcp", timeoutMs: 5000 });
    expect([...answer]).toEqual([0x12, 0x34, 7]);
  });

  it("says that the server closed without an answer", async () => {
    const where = await stream((socket) => socket.once("data", () => socket.end(Uint8Array.of(0, 9, 0x12))));
    const exchange = createTestMachine().dns.exchange(where, query, { over: "tcp", timeoutMs: 5000 });
    await expect(exchange).rejects.toThrow("over tcp: the connection was closed before an answer came");
  });
});

describe("dns server sockets", () => {
  it("answer several messages on one TCP connection", async () => {
    const where = await server((message) => message.slice().reverse());
    const socket = net.connect(where.port, where.host);
    track({ close: () => socket.destroy() });
    socket.write(Uint8Array.of(0, 2, 1, 2, 0, 3, 3));
    socket.write(Uint8Array.of(4, 5));
    let read: number[] = [];
    await new Promise<void>((resolve) => {
      socket.on("data", (bytes: Uint8Array) => {
        read = [...read, ...bytes];
        if (read.length === 9) resolve();
      });
    });
    expect(read).toEqual([0, 2, 2, 1, 0, 3, 5, 4, 3]);
  });

  it("say that a port is taken", async () => {
    const { port } = await server(() => null);
    await expect(listenDns({ host: "127.0.0.1", port }, () => null)).rejects.toThrow(/EADDRINUSE/);
  });
});
