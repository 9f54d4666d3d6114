import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LimitSettings } from "../../src/config/settings.ts";
import { createGateway } from "../../src/create-gateway.ts";
import { Budget } from "../../src/http2/budget.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import { message, okHead, okTrailers } from "../gateway/support/fields.ts";
import { answerOk, Pod } from "../gateway/support/pod.ts";
import { gatewaySettings, limits, listenerSettings } from "../gateway/support/settings.ts";
import { createAuthority } from "../support/certs.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { createTestMachine, track, trackGateway } from "../support/harness.ts";
import { noHttp1 } from "../support/http1-answers.ts";

/** The whole gateway on real sockets, and clients of HTTP/1.1 that leave, stop, or never read. */

const authority = createAuthority();
const pair = authority.issue(["127.0.0.1"]);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fairlead-http1-"));
  writeFileSync(join(folder, "cert.pem"), pair.cert);
  writeFileSync(join(folder, "key.pem"), pair.key);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start({ secure = false, more = {} }: { secure?: boolean; more?: Partial<LimitSettings> } = {}) {
  const machine = createTestMachine();
  const pod = new Pod({ flusher: new Flusher(machine.soon), budget: new Budget(1 << 30) });
  const listening = await machine.listen(
    { host: "127.0.0.1", port: 0 },
    { http2: (stream) => pod.accept(stream), http1: noHttp1 },
  );
  track(listening);
  const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem"), clientCaFile: null };
  const settings = {
    listeners: [listenerSettings(secure ? { tls: files } : {})],
    limits: { ...limits, ...more },
    drainTimeout: 2_000,
  };
  const log = collectingLog();
  const gateway = trackGateway(
    createGateway(gatewaySettings(settings, { target: `ipv4:127.0.0.1:${listening.port}` }), machine, log),
  );
  await gateway.start();
  const [{ port }] = gateway.view.listeners();
  const outstanding = () =>
    gateway.view.backends()[0].endpoints.reduce((sum, endpoint) => sum + endpoint.outstanding, 0);
  return { gateway, pod, outstanding, log, connect: () => Client.connect(port, secure) };
}

class Client {
  readonly socket: net.Socket;
  text = "";
  ended = false;
  closed = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.text += bytes.toString("latin1");
    });
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      this.closed = true;
    });
    track({ close: () => socket.destroy() });
  }

  static async connect(port: number, secure: boolean): Promise<Client> {
    const options = { host: "127.0.0.1", port, allowHalfOpen: true };
    const socket = secure ? tls.connect({ ...options, ca: authority.cert }) : net.connect(options);
    await new Promise((resolve, reject) => {
      socket.once(secure ? "secureConnect" : "connect", resolve);
      socket.once("error", reject);
    });
    return new Client(socket);
  }

  write(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Leaves as rudely as it can. */
  reset(secure: boolean): void {
    if (secure) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

const head = (type: string, framing: string, more = "") =>
  `POST /test.Echo/Unary HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\n${more}${framing}\r\n\r\n`;
const unary = (body: string, more = "") => head("application/proto", `content-length: ${body.length}`, more) + body;
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const stream = (bytes: Uint8Array) =>
  head("application/connect+proto", `content-length: ${bytes.length}`) + latin1(bytes);
/** A stream whose request goes on. */
const opening = `${head("application/connect+proto", "transfer-encoding: chunked")}9\r\n${latin1(message(4))}\r\n`;

describe.each([
  ["plaintext", false],
  ["TLS", true],
])("HTTP/1.1 over %s: clients that leave", (_what, secure) => {
  type World = Awaited<ReturnType<typeof start>>;
  const phases: readonly (readonly [string, string, (world: World) => boolean])[] = [
    ["in a head", unary("body").slice(0, 40), (world) => world.gateway.view.listeners()[0].connections === 1],
    [
      "in a unary body, before the pod has the call",
      `${head("application/proto", "content-length: 100")}half`,
      (world) => world.outstanding() === 1,
    ],
    ["in a stream's body", opening, (world) => world.pod.calls.length === 1 && world.pod.last.size > 0],
    ["while it waits", unary("body"), (world) => world.pod.calls.length === 1 && world.pod.last.ended],
    [
      "while it waits, with more requests sent",
      unary("body").repeat(5),
      (world) => world.pod.calls.length === 1 && world.pod.last.ended,
    ],
  ];
  test.each(phases)("%s: the pod hears of it, and nothing stays", async (_phase, text, reached) => {
    for (const rude of [true, false]) {
      const world = await start({ secure });
      const client = await world.connect();
      client.write(text);
      await until(() => reached(world));
      if (rude) client.reset(secure);
      else client.socket.end();
      await until(() => world.gateway.view.listeners()[0].connections === 0);
      expect(world.outstanding()).toBe(0);
      const [call] = world.pod.calls;
      if (call !== undefined) await until(() => call.aborted !== null);
      expect(world.pod.calls.length).toBeLessThanOrEqual(1);
    }
  });

  test("in mid-answer: the pod hears of it", async () => {
    const world = await start({ secure });
    world.pod.onCall = (call) => {
      call.sendHead(okHead);
      call.send(message(1_000));
    };
    const client = await world.connect();
    client.write(stream(message(4)));
    await until(() => client.text.length > 1_000);
    client.reset(secure);
    await until(() => world.pod.last.aborted !== null && world.gateway.view.listeners()[0].connections === 0);
    expect(world.outstanding()).toBe(0);
  });

  test("a FIN after the answer ends the connection, and an answer before a FIN is whole", async () => {
    const world = await start({ secure });
    world.pod.onCall = (call) => answerOk(call, call.body);
    const client = await world.connect();
    client.write(unary("body"));
    await until(() => client.text.endsWith("body"));
    client.socket.end();
    await until(() => client.closed && world.gateway.view.listeners()[0].connections === 0);
  });
});

describe("HTTP/1.1 over sockets: clients that do as they like", () => {
  test("a thousand pipelined requests are answered in order, in whatever pieces they come", async () => {
    const world = await start();
    world.pod.onCall = (call) => answerOk(call, call.body);
    const client = await world.connect();
    client.write(Array.from({ length: 1_000 }, (_, i) => unary(`<${i}>`)).join(""));
    await until(() => client.text.endsWith("<999>"));
    expect([...client.text.matchAll(/<(\d+)>/g)].map(([, i]) => Number(i))).toEqual(
      Array.from({ length: 1_000 }, (_, i) => i),
    );
  });

  test("one byte in a packet: head and body", async () => {
    const world = await start();
    world.pod.onCall = (call) => answerOk(call, call.body);
    const client = await world.connect();
    client.socket.setNoDelay(true);
    for (const character of unary("slowly") + unary("again")) {
      client.write(character);
      await new Promise(setImmediate);
    }
    await until(() => client.text.endsWith("again"));
    expect(client.text).toContain("slowly");
  });

  test("a pod that does not read: the client is held back, and goes on when the pod does", async () => {
    const world = await start();
    world.pod.onHead = (call) => call.pause();
    world.pod.onCall = (call) => answerOk(call, message(1));
    const client = await world.connect();
    client.write(head("application/connect+proto", "transfer-encoding: chunked"));
    const chunk = latin1(message(65_531));
    const total = 400;
    let sent = 0;
    const fill = () => {
      while (sent < total && client.socket.writableLength < 1 << 20) {
        client.write(`10000\r\n${chunk}\r\n`);
        sent++;
      }
    };
    fill();
    await until(() => world.pod.calls.length === 1);
    // It stops: for many turns nothing more leaves the client's socket, though much is left.
    let still = 0;
    let before = -1;
    await until(() => {
      fill();
      const { bytesWritten, writableLength } = client.socket;
      still = bytesWritten - writableLength === before ? still + 1 : 0;
      before = bytesWritten - writableLength;
      return still > 2_000;
    });
    expect(sent).toBeLessThan(total);
    world.pod.last.resume();
    await until(() => {
      fill();
      return sent === total && client.socket.writableLength === 0;
    });
    client.write("0\r\n\r\n");
    await until(() => client.text.includes("\r\n0\r\n\r\n"));
    expect(world.pod.last.size).toBe(total * 65_536);
  });

  test("a client that does not read: the pod is held back, and the connection ends after stallTimeout", async () => {
    const world = await start({ more: { stallTimeout: 1_000 } });
    let sent = 0;
    world.pod.onCall = (call) => {
      call.sendHead(okHead);
      for (; sent < 400; sent++) call.send(message(65_531));
    };
    const client = await world.connect();
    client.socket.pause();
    client.write(stream(message(4)));
    await until(() => world.pod.calls.length === 1 && world.pod.last.aborted !== null);
    // What the kernel took of both sockets, a window, and no more.
    expect(world.pod.last.left).toBeLessThan(16 << 20);
    await until(() => world.gateway.view.listeners()[0].connections === 0);
  });

  test("an answer while the body is still coming: seen whole, and the connection ends in order", async () => {
    const world = await start();
    const client = await world.connect();
    client.write(head("application/proto", "transfer-encoding: chunked", "content-encoding: unheard-of\r\n"));
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
    for (let i = 0; i < 80; i++) {
      client.write(chunk);
      await new Promise(setImmediate);
    }
    client.write("0\r\n\r\n");
    await until(() => client.ended);
    expect(client.text).toMatch(/^HTTP\/1.1 501 .*connection: close\r\n.*unheard-of/s);
    client.socket.end();
    await until(() => client.closed);
    expect(world.pod.calls).toEqual([]);
  });

  test("drain: idle connections end at once, busy ones with their answer, streams with their last message", async () => {
    const world = await start();
    world.pod.onCall = () => {};
    const [idle, busy, streaming, half] = await Promise.all([
      world.connect(),
      world.connect(),
      world.connect(),
      world.connect(),
    ]);
    busy.write(unary("busy"));
    await until(() => world.pod.calls.length === 1);
    streaming.write(stream(message(4)));
    await until(() => world.pod.calls.length === 2);
    const [one, two] = world.pod.calls;
    two.sendHead(okHead);
    two.send(message(3));
    half.write(unary("half").slice(0, 30));
    await until(() => streaming.text.includes("chunked"));
    idle.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    await until(() => idle.text.includes("fairlead"));
    const drained = world.gateway.drain();
    await until(() => idle.ended);
    idle.socket.end();
    half.write(unary("half").slice(30));
    await until(() => world.pod.calls.length === 3);
    for (const call of [one, world.pod.last]) answerOk(call, call.body);
    two.finish(okTrailers);
    await until(() => busy.ended && streaming.ended && half.ended);
    for (const client of [busy, streaming, half]) client.socket.end();
    expect(await drained).toBe(true);
    expect(busy.text).toMatch(/connection: close\r\n.*busy$/s);
    expect(half.text).toMatch(/connection: close\r\n.*half$/s);
    expect(streaming.text).toMatch(/\r\n0\r\n\r\n$/);
  });
});
