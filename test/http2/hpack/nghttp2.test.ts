import http2 from "node:http2";
import net from "node:net";
import { describe, expect, it } from "vitest";
import { Decoder } from "../../../src/http2/hpack/decoder.ts";
import { Encoder } from "../../../src/http2/hpack/encoder.ts";
import { head, WIDE } from "./support.ts";

/** Against another implementation: nghttp2, by way of Node's node:http2. Deno's and Bun's are not made of it. */
const withoutNghttp2 = "Deno" in globalThis || "Bun" in globalThis;
if (withoutNghttp2)
  console.warn("skipped: the comparison with nghttp2, which this runtime's node:http2 is not made of");

const SEED = 20260101;
const REQUESTS = 400;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER_TABLE_SIZE = 1;
/** Sizes to go through; each is announced while requests are under way. */
const TABLE_SIZES = [4096, 0, 100, 8192, 300, 4096];

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function tableSizeSetting(size: number): Buffer {
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(HEADER_TABLE_SIZE, 0);
  setting.writeUInt32BE(size, 2);
  return setting;
}

/** Cuts a byte stream into frames, after `skip` bytes. */
function frames(skip: number, take: (frame: Frame) => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    if (skip > 0) {
      if (held.length < skip) return;
      held = held.subarray(skip);
      skip = 0;
    }
    while (held.length >= 9 && held.length >= 9 + held.readUIntBE(0, 3)) {
      const end = 9 + held.readUIntBE(0, 3);
      take({ type: held[3], flags: held[4], stream: held.readUInt32BE(5), payload: held.subarray(9, end) });
      held = held.subarray(end);
    }
  };
}

function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A request's fields as HTTP allows them: some repeat, some vary, some are secret. */
function randomFields(random: (below: number) => number): string[] {
  const fields = [":method", "POST", ":scheme", "http", ":path", `/s/${random(6)}`, ":authority", "pod:80"];
  const count = random(9);
  for (let at = 0; at < count; at++) {
    const name = ["x-a", "x-b", "x-long", "grpc-timeout", "accept", "authorization", "user-agent", "x-bin"][random(8)];
    // node:http2 joins some duplicates into one; a name once per request keeps lists comparable.
    if (!fields.includes(name)) fields.push(name, randomValue(random));
  }
  return fields;
}

function randomValue(random: (below: number) => number): string {
  const kind = random(5);
  if (kind === 0) return `${random(1000)}m`;
  if (kind === 1) return "gzip, deflate";
  if (kind === 2) return "y".repeat(random(150) + 1);
  if (kind === 3) return `v${random(4)}`;
  const codes = Array.from({ length: random(20) + 1 }, () => 0x21 + random(0x5e));
  return String.fromCharCode(...codes);
}

/** One string per field, in order. */
function pairs(fields: readonly string[]): string[] {
  const list: string[] = [];
  for (let at = 0; at < fields.length; at += 2) list.push(`${fields[at]}: ${fields[at + 1]}`);
  return list;
}

describe.skipIf(withoutNghttp2)("against nghttp2", () => {
  it(`decoder: reads what nghttp2 writes, through changes of the table size (seed ${SEED})`, async () => {
    const random = createRandom(SEED);
    const decoder = new Decoder(4096, WIDE);
    const received: string[][] = [];
    const secret: boolean[] = [];
    const acks: number[] = [];
    let failure: unknown = null;
    let socket: net.Socket | null = null;
    const announce = (size: number) => {
      acks.push(size);
      socket?.write(frame(SETTINGS, 0, 0, tableSizeSetting(size)));
    };
    const server = net.createServer((accepted) => {
      socket = accepted;
      accepted.on("error", () => {});
      announce(TABLE_SIZES[0]);
      const take = frames(PREFACE.length, ({ type, flags, stream, payload }) => {
        if (type === SETTINGS && flags === ACK) decoder.setMaxTableSize(acks.shift() ?? 0);
        if (type === SETTINGS && flags !== ACK) accepted.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        if (type !== HEADERS) return;
        // node:http2 sends the PRIORITY flag's five octets only when asked to, and these blocks fit one frame.
        const decoded = decoder.decode(payload, 0, payload.length);
        received.push(pairs(decoded.fields));
        secret.push(decoded.neverIndexed?.some((at) => decoded.fields[at] === "x-a") === true);
        const answer = Buffer.from("88", "hex");
        accepted.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, answer));
        if (stream % 41 === 0) announce(TABLE_SIZES[random(TABLE_SIZES.length)]);
      });
      accepted.on("data", (chunk: Buffer) => {
        try {
          take(chunk);
        } catch (error) {
          failure = error;
          accepted.destroy();
        }
      });
    });
    const port = await listen(server);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const expected: string[][] = [];
    const expectedSecret: boolean[] = [];
    for (let turn = 0; turn < REQUESTS && failure === null; turn++) {
      const fields = randomFields(random);
      const isSecret = turn % 3 === 0 && fields.includes("x-a");
      expected.push(pairs(fields));
      expectedSecret.push(isSecret);
      const headers: Record<string, string | string[]> = {};
      for (let at = 0; at < fields.length; at += 2) headers[fields[at]] = fields[at + 1];
      await new Promise<void>((resolve) => {
        const stream = session.request(Object.assign(headers, { [http2.sensitiveHeaders]: isSecret ? ["x-a"] : [] }), {
          endStream: true,
        });
        stream.on("close", resolve).on("error", () => {});
        stream.resume();
      });
    }
    await closeSession(session);
    await close(server);
    expect(failure).toBeNull();
    expect(received).toEqual(expected);
    expect(secret).toEqual(expectedSecret);
    expect(received).toHaveLength(REQUESTS);
  });

  it(`encoder: nghttp2 reads what it writes, through changes of the table size (seed ${SEED})`, async () => {
    const random = createRandom(SEED);
    const encoder = new Encoder(6000);
    const expected: string[][] = [];
    const received: string[][] = [];
    const secret: string[][] = [];
    const server = http2.createServer();
    let session: http2.ServerHttp2Session | null = null;
    server.on("session", (accepted) => {
      session = accepted;
      accepted.on("error", () => {});
    });
    server.on(
      "stream",
      (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
        received.push(pairs(rawHeaders));
        secret.push((headers as Record<symbol, string[] | undefined>)[http2.sensitiveHeaders] ?? []);
        stream.on("error", () => {});
        stream.respond({ ":status": 200 }, { endStream: true });
      },
    );
    const port = await listen(server);
    const socket = net.connect(port, "127.0.0.1");
    let answered = () => {};
    let lost = false;
    socket.on("error", () => {});
    socket.on("close", () => {
      lost = true;
      answered();
    });
    socket.on(
      "data",
      frames(0, ({ type, flags, payload }) => {
        if (type === SETTINGS && flags !== ACK) {
          for (let at = 0; at < payload.length; at += 6) {
            if (payload.readUInt16BE(at) === HEADER_TABLE_SIZE)
              encoder.setPeerMaxTableSize(payload.readUInt32BE(at + 2));
          }
          socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        }
        if (type === RST_STREAM || (type <= HEADERS && (flags & END_STREAM) !== 0)) answered();
      }),
    );
    socket.write(PREFACE);
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    for (let turn = 0; turn < REQUESTS && !lost; turn++) {
      const fields = randomFields(random);
      const repeats = turn % 4 === 0 ? 2 : 1;
      const one = head(fields);
      for (let repeat = 0; repeat < repeats && !lost; repeat++) {
        const out = new Uint8Array(encoder.bound(one));
        const block = out.subarray(0, encoder.encode(one, out, 0));
        expected.push(pairs(fields));
        const answer = new Promise<void>((resolve) => {
          answered = resolve;
        });
        socket.write(frame(HEADERS, END_HEADERS | END_STREAM, expected.length * 2 - 1, block));
        await answer;
      }
      if (turn % 40 === 39) {
        (session as http2.ServerHttp2Session | null)?.settings({
          headerTableSize: TABLE_SIZES[random(TABLE_SIZES.length)],
        });
      }
    }
    expect(lost).toBe(false);
    socket.destroy();
    await close(server);
    expect(received).toEqual(expected);
    expect(secret).toEqual(expected.map(secretNames));
  });
});

/** What the encoder never indexes, among the names that come up here. */
function secretNames(list: readonly string[]): string[] {
  return list.some((pair) => pair.startsWith("authorization:")) ? ["authorization"] : [];
}

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function closeSession(session: http2.ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    session.on("close", resolve);
    session.destroy();
  });
}
