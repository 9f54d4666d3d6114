import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { codeNames } from "../../src/protocols/code-names.ts";
import { message, okHead, okTrailers } from "../gateway/support/fields.ts";
import { startTriple } from "../gateway/support/world.ts";
import { concat } from "../support/memory-stream.ts";

/** What a client over HTTP/1.1 may send in chunks; a Connect unary body, too. */
const UNARY = "application/proto";
const types = ["application/grpc-web+proto", "application/grpc-web-text+proto", "application/connect+proto"] as const;
type Type = (typeof types)[number] | typeof UNARY;

/** A client that sends a call in pieces and sees what has come. */
interface Caller {
  send(bytes: Uint8Array): void;
  finish(): void;
  /** Bytes of the answer's body so far. */
  received(): Uint8Array;
  ended(): boolean;
  /** The answer can never end any more. */
  brokenOff(): boolean;
}

const inForm = (type: Type, bytes: Uint8Array): Uint8Array =>
  type.includes("text") ? Buffer.from(Buffer.from(bytes).toString("base64")) : bytes;

/** Text is decoded quantum by quantum: padding may stand after every flush. */
function outOf(type: Type, bytes: Uint8Array): Uint8Array {
  if (!type.includes("text")) return bytes;
  const quanta = Buffer.from(bytes).toString("latin1").match(/.{4}/g) ?? [];
  return Buffer.concat(quanta.map((quantum) => Buffer.from(quantum, "base64")));
}

type World = Awaited<ReturnType<typeof startTriple>>["world"];

async function open(world: World, version: string, type: Type): Promise<Caller> {
  if (version === "HTTP/2") {
    const client = await world.client();
    const call = client.open(
      [":method", "POST", ":scheme", "http", ":path", "/test.Echo/Chat", ":authority", "a"].concat([
        "content-type",
        type,
      ]),
    );
    return {
      send: (bytes) => void call.send(inForm(type, bytes)),
      finish: () => void call.finish(),
      received: () => outOf(type, call.body),
      ended: () => call.ended,
      brokenOff: () => call.aborted !== null,
    };
  }
  const client = await world.http1();
  client.write(
    `POST /test.Echo/Chat HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`,
  );
  return {
    send(bytes) {
      const piece = inForm(type, bytes);
      client.write(concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]));
    },
    finish: () => client.write("0\r\n\r\n"),
    received: () => outOf(type, client.answers()[0]?.body ?? chunksSoFar(client.text)),
    ended: () => client.answers().length === 1,
    brokenOff: () => client.finished || client.over,
  };
}

/** The body of an answer in chunks, as far as it has come. */
function chunksSoFar(text: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let at = text.indexOf("\r\n\r\n") + 4;
  if (at < 4) return new Uint8Array(0);
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/.exec(text.slice(at));
    if (size === null) return concat(chunks);
    const start = at + size[0].length;
    const length = Number.parseInt(size[1], 16);
    chunks.push(Buffer.from(text.slice(start, start + length), "latin1"));
    at = start + length + 2;
  }
}

describe.each(["HTTP/2", "HTTP/1.1"])("streams over %s", (version) => {
  test.each(types)(
    "%s: each message is there when the pod has sent it, also while the next is not asked for",
    async (type) => {
      const { world, pod } = await startTriple();
      const caller = await open(world, version, type);
      let wanted = new Uint8Array(0);
      for (let i = 1; i <= 3; i++) {
        caller.send(message(i));
        await world.settle();
        expect(pod.last.size, "the pod has the request so far").toBe([6, 13, 21][i - 1]);
        if (i === 1) pod.last.sendHead(okHead);
        pod.last.send(message(i + 10));
        wanted = concat([wanted, message(i + 10)]) as Uint8Array<ArrayBuffer>;
        await world.settle();
        expect([...caller.received()]).toEqual([...wanted]);
        expect(caller.ended()).toBe(false);
      }
      caller.finish();
      await world.settle();
      pod.last.finish(okTrailers);
      await world.settle();
      expect(caller.ended()).toBe(true);
    },
  );

  test.each(types)(
    "%s: a pod that refuses while the client is still sending: the error is there at once",
    async (type) => {
      const { world, pod } = await startTriple();
      const caller = await open(world, version, type);
      caller.send(message(1));
      await world.settle();
      pod.last.sendHead([...okHead, "grpc-status", "7"]).finish();
      await world.settle();
      expect(caller.ended()).toBe(true);
      expect(world.outstanding).toBe(0);
    },
  );

  test("a client that waits for what never comes: its deadline is an error of its own protocol, and no hang", async () => {
    const { world, pod } = await startTriple({ backend: { maxTimeout: 1_000 } });
    const caller = await open(world, version, "application/connect+proto");
    caller.send(message(1));
    await world.settle();
    expect(pod.last.size).toBe(6);
    await world.advance(1_100);
    expect(caller.ended()).toBe(true);
    expect(new TextDecoder().decode(caller.received())).toContain('"code":"deadline_exceeded"');
    expect(pod.last.aborted).not.toBe(null);
  });

  test("Connect unary: a body above maxMessageBytes is resource_exhausted at once, before its end", async () => {
    const { world, pod } = await startTriple({ backend: { maxMessageBytes: 1_000 } });
    const caller = await open(world, version, UNARY);
    caller.send(new Uint8Array(1_000));
    await world.settle();
    expect([caller.ended(), caller.received().length]).toEqual([false, 0]);
    caller.send(new Uint8Array(1));
    await world.settle();
    expect(new TextDecoder().decode(caller.received())).toContain('"code":"resource_exhausted"');
    expect(pod.calls.every((call) => call.size === 0)).toBe(true);
    expect([world.outstanding, world.held]).toEqual([0, 0]);
  });

  test("Connect unary: a body that is announced above maxMessageBytes is neither waited for nor asked for, and no pod hears of it", async () => {
    const { world, pod } = await startTriple({ backend: { maxMessageBytes: 1_000 } });
    if (version === "HTTP/2") {
      const client = await world.client();
      const pseudo = [":method", "POST", ":scheme", "http", ":path", "/test.Echo/Chat", ":authority", "a"];
      const call = client.open([...pseudo, "content-type", UNARY, "content-length", "1001"]);
      await world.settle();
      expect([call.ended, call.fields.slice(0, 2)]).toEqual([true, [":status", "429"]]);
      expect(new TextDecoder().decode(call.body)).toContain('"code":"resource_exhausted"');
    } else {
      const client = await world.http1();
      const lines = `host: a\r\ncontent-type: ${UNARY}\r\nexpect: 100-continue\r\ncontent-length: 1001`;
      client.write(`POST /test.Echo/Chat HTTP/1.1\r\n${lines}\r\n\r\n`);
      await world.settle();
      const [answer] = client.answers();
      expect(client.text).not.toContain("100 Continue");
      expect([answer?.status, String(answer?.body)]).toEqual([429, expect.stringContaining("resource_exhausted")]);
    }
    expect(pod.calls).toEqual([]);
    expect([world.outstanding, world.held]).toEqual([0, 0]);
  });

  test("Connect unary: an answer above maxMessageBytes is resource_exhausted by its prefix", async () => {
    const { world, pod } = await startTriple({ backend: { maxMessageBytes: 1_000 } });
    const caller = await open(world, version, UNARY);
    caller.finish();
    await world.settle();
    pod.last.sendHead(okHead).send(message(1_001).subarray(0, 5));
    await world.settle();
    expect(new TextDecoder().decode(caller.received())).toContain('"code":"resource_exhausted"');
    expect(pod.last.aborted).not.toBe(null);
    expect(world.outstanding).toBe(0);
  });

  test.each([
    [ErrorCode.PROTOCOL_ERROR, "internal"],
    [ErrorCode.CANCEL, "canceled"],
    [ErrorCode.ENHANCE_YOUR_CALM, "resource_exhausted"],
    [ErrorCode.INADEQUATE_SECURITY, "permission_denied"],
  ] as const)(
    "a pod's reset %i in mid-stream: %s in the client's protocol, behind what had come",
    async (code, name) => {
      for (const type of types) {
        const { world, pod } = await startTriple();
        const caller = await open(world, version, type);
        caller.send(message(1));
        await world.settle();
        pod.last.sendHead(okHead).send(message(2));
        await world.settle();
        pod.last.reset(code);
        await world.settle();
        const body = new TextDecoder("latin1").decode(caller.received().subarray(7 + 5));
        if (type === "application/connect+proto") expect(body).toContain(`"code":"${name}"`);
        else expect(body).toMatch(new RegExp(`^grpc-status: ${codeNames.indexOf(name)}\r\n`));
        expect([...caller.received().subarray(0, 7)]).toEqual([...message(2)]);
      }
    },
  );

  test.each(types)(
    "%s: a reset in the middle of a message breaks the answer off, and adds nothing to the message",
    async (type) => {
      const { world, pod } = await startTriple();
      const caller = await open(world, version, type);
      caller.send(message(1));
      await world.settle();
      pod.last.sendHead(okHead).send(message(9).subarray(0, 9));
      await world.settle();
      pod.last.reset(ErrorCode.INTERNAL_ERROR);
      await world.settle();
      expect([...caller.received()]).toEqual([...message(9).subarray(0, 9)]);
      expect(caller.ended()).toBe(false);
      expect(caller.brokenOff()).toBe(true);
      expect(world.outstanding).toBe(0);
    },
  );

  test("Connect unary: megabytes there and back, far more than any window", async () => {
    const { world, pod } = await startTriple();
    const size = 1_048_576;
    const caller = await open(world, version, UNARY);
    pod.onCall = (call) => call.sendHead(okHead).send(message(size)).finish(okTrailers);
    for (let sent = 0; sent < size; sent += 65_536) caller.send(new Uint8Array(65_536).fill(7));
    caller.finish();
    await world.settle();
    expect(pod.last.size).toBe(size + 5);
    expect(caller.ended()).toBe(true);
    expect(Buffer.from(caller.received()).equals(message(size).subarray(5))).toBe(true);
  });
});

test("what was never indexed by the client is never indexed towards the pod", async () => {
  const { world, pod, client } = await startTriple();
  const fields = [":method", "POST", ":scheme", "http", ":path", "/test.Echo/Chat", ":authority", "a"].concat(
    ["content-type", types[0]],
    ["x-secret", "s", "x-plain", "1"],
  );
  const call = client.open(fields, [fields.indexOf("x-secret")]);
  await world.settle();
  const { fields: got, neverIndexed } = pod.last.received ?? { fields: [], neverIndexed: null };
  expect((neverIndexed ?? []).map((at) => got[at])).toEqual(["x-secret"]);
  call.finish();
  await world.settle();
  pod.last.sendHead([...okHead, "grpc-status", "0"]).finish();
  await world.settle();
});

test.each([
  ["an unknown content-type", "POST /test.Echo/Unary", "text/plain", 415],
  ["another method", "PUT /test.Echo/Unary", "application/proto", 405],
  ["no path of a call", "POST /", "application/json", 501],
  ["gRPC", "POST /test.Echo/Unary", "application/grpc", 426],
  ["a malformed timeout", "POST /test.Echo/Unary", "application/proto\r\nconnect-timeout-ms: x", 400],
  ["a deadline that is over", "POST /test.Echo/Unary", "application/proto\r\nconnect-timeout-ms: 0", 504],
] as const)(
  "a client that waits for 100 (Continue) hears at once what its head decides: %s",
  async (_, line, type, status) => {
    const { world, pod } = await startTriple();
    const client = await world.http1();
    client.write(
      `${line} HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n`,
    );
    await world.settle();
    expect(client.text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(client.text).toMatch(/\r\nconnection: (?:upgrade, )?close\r\n/);
    expect(pod.calls).toEqual([]);
  },
);
