import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, type TestContext, test, vi } from "vitest";
import { encodeMessage, pathOf, pattern } from "../e2e/support/echo.ts";
import { type Fleet, startFleet } from "./support/fleet.ts";
import { note } from "./support/row.ts";

// Processes start here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** What phones and their HTTP libraries do: old HTTP, networks that change, compression, odd headers. */

let fleet: Fleet;
const agents: Agent[] = [];

beforeAll(async () => {
  fleet = await startFleet();
});
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
});
afterAll(async () => {
  await fleet?.stop();
});

/** @param saw what docs/clients.md says of it when the test has passed */
function habit(context: TestContext, order: number, name: string, saw: string): void {
  note(context, { table: "habits", order, name, versions: "", column: saw });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Tells connections apart. */
  readonly localPort: number;
}

function post(
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  agent: Agent | false = false,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, port } = fleet.gateway;
    const sent = request({ host, port, path, method: "POST", agent, headers }, (answer) => {
      const localPort = answer.socket.localPort ?? 0;
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts), localPort }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function agent(keepAlive: boolean): Agent {
  const made = new Agent({ keepAlive, maxSockets: 1 });
  agents.push(made);
  return made;
}

function envelope(message: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The envelopes of a whole body. */
function envelopes(body: Buffer): { readonly flags: number; readonly bytes: Buffer }[] {
  const all = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    all.push({ flags: body[at], bytes: body.subarray(at + 5, end) });
    at = end;
  }
  return all;
}

const message = Buffer.from(encodeMessage(pattern(300)));
const json = JSON.stringify(Buffer.from(pattern(300)).toString("base64"));

test("keep-alive: calls of all kinds of protocols, good and bad, share one HTTP/1.1 connection", async (context) => {
  const one = agent(true);
  const ports = new Set<number>();
  let calls = 0;
  let refused = 0;
  const unary = async (headers: Record<string, string>, body: Uint8Array, status: number): Promise<Answer> => {
    const answer = await post(pathOf("Unary"), headers, body, one);
    expect(answer.status).toBe(status);
    ports.add(answer.localPort);
    calls++;
    if (status !== 200) refused++;
    return answer;
  };
  const proto = { "content-type": "application/proto" };
  for (let i = 0; i < 10; i++) {
    expect((await unary(proto, message, 200)).body).toEqual(message);
    await unary({ ...proto, "x-fail": "5" }, message, 404);
    await unary({ "content-type": "application/json" }, Buffer.from("{"), 400);
    await unary({ "content-type": "application/grpc-web+proto" }, envelope(message), 200);
    await unary({ "content-type": "text/plain" }, message, 415);
  }
  const stream = { "content-type": "application/connect+proto", "x-answers": "5" };
  const streamed = await post(pathOf("ServerStream"), stream, envelope(message), one);
  ports.add(streamed.localPort);
  expect(envelopes(streamed.body)).toHaveLength(6);
  expect([...ports]).toHaveLength(1);
  habit(
    context,
    1,
    "HTTP/1.1 with keep-alive only",
    `${calls + 1} calls, ${refused} of them with errors or refused, over one connection`,
  );
});

test("close: the answer is whole, says so, and the connection ends", async (context) => {
  for (const kind of ["Unary", "ServerStream"] as const) {
    const stream = kind === "ServerStream";
    const type = stream ? "application/connect+proto" : "application/proto";
    const body = stream ? envelope(message) : message;
    const socket = connect(fleet.gateway.port, fleet.gateway.host);
    const parts: Buffer[] = [];
    socket.on("data", (part: Buffer) => parts.push(part));
    const ended = new Promise<void>((resolve) => socket.once("end", resolve));
    socket.write(
      `POST ${pathOf(kind)} HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
    // The gateway's end, not ours.
    await ended;
    const answer = Buffer.concat(parts).toString("latin1").toLowerCase();
    expect(answer).toMatch(/^http\/1\.1 200 /);
    expect(answer).toContain("\r\nconnection: close\r\n");
    expect(Buffer.concat(parts).includes(message)).toBe(true);
    socket.destroy();
  }
  habit(context, 2, "`Connection: close`", "unary and streamed answers are whole, and the gateway ends the connection");
});

/** Opens a stream that hangs after its first answer, and gives its socket. */
type OpenStream = () => Promise<Socket>;

const overHttp1 =
  (type: string): OpenStream =>
  () =>
    new Promise((resolve, reject) => {
      const { host, port } = fleet.gateway;
      const headers = { "content-type": type, "x-hang": "1" };
      const sent = request(
        { host, port, path: pathOf("ServerStream"), method: "POST", agent: false, headers },
        (answer) => {
          answer.on("error", () => {});
          answer.once("data", () => resolve(answer.socket));
        },
      );
      sent.on("error", reject);
      sent.end(envelope(message));
    });

const overHttp2 =
  (type: string): OpenStream =>
  () =>
    new Promise((resolve, reject) => {
      const socket = connect(fleet.gateway.port, fleet.gateway.host);
      const session = connectHttp2(`http://${fleet.gateway.address}`, { createConnection: () => socket });
      session.on("error", reject);
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: pathOf("ServerStream"),
        "content-type": type,
        te: "trailers",
        "x-hang": "1",
      });
      stream.on("error", () => {});
      stream.once("data", () => resolve(socket));
      stream.end(envelope(message));
    });

const streams: readonly (readonly [string, OpenStream])[] = [
  ["Connect over HTTP/1.1", overHttp1("application/connect+proto")],
  ["gRPC-Web over HTTP/1.1", overHttp1("application/grpc-web+proto")],
  ["Connect over HTTP/2", overHttp2("application/connect+proto")],
  ["gRPC over HTTP/2", overHttp2("application/grpc+proto")],
];

test.for(streams)("network change in mid-stream: %s", async ([name, open], context) => {
  for (const how of ["reset", "end"] as const) {
    const { child } = fleet.pod;
    const from = child.reports.length;
    const socket = await open();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    if (how === "reset") socket.resetAndDestroy();
    else socket.destroy();
    await closed;
    // One round trip through the gateway to the pod, over another connection. The next call must find the cancel before it.
    const unary = { "content-type": "application/proto" };
    await post(pathOf("Unary"), unary, message);
    await post(pathOf("Unary"), unary, message);
    // The stream that died, and these two.
    let calls = 0;
    await child.report(({ event }) => event === "call" && ++calls === 3, from);
    await child.report(({ event, how: ended }) => event === "end" && ended === "cancelled", from);
    const events = child.reports.slice(from).map(({ event, how: ended }) => `${event} ${ended ?? ""}`);
    expect(events.indexOf("end cancelled")).toBeLessThan(events.lastIndexOf("call "));
  }
  habit(
    context,
    3,
    "Network change in mid-stream (the socket dies)",
    `${name}: the pod heard the cancel within one round trip`,
  );
});

test("gzip: a compressed request is taken, and the answer is compressed if the pod does so", async (context) => {
  const unary = { "content-type": "application/proto", "content-encoding": "gzip", "accept-encoding": "gzip" };
  const answer = await post(pathOf("Unary"), unary, gzipSync(message));
  expect(answer.status).toBe(200);
  const plain = answer.headers["content-encoding"] === "gzip" ? gunzipSync(answer.body) : answer.body;
  expect(plain).toEqual(message);
  const asJson = { ...unary, "content-type": "application/json" };
  expect((await post(pathOf("Unary"), asJson, gzipSync(json))).status).toBe(200);
  const stream = { "content-type": "application/connect+proto", "connect-content-encoding": "gzip" };
  const streamed = await post(pathOf("ServerStream"), stream, envelope(gzipSync(message), 1));
  expect(envelopes(streamed.body)[0]?.bytes).toEqual(message);
  const web = { "content-type": "application/grpc-web+proto", "grpc-encoding": "gzip" };
  const overWeb = await post(pathOf("Unary"), web, envelope(gzipSync(message), 1));
  expect(envelopes(overWeb.body)[0]?.bytes).toEqual(message);
  const unknown = await post(pathOf("Unary"), { ...unary, "content-encoding": "zip" }, message);
  expect(JSON.parse(unknown.body.toString())).toMatchObject({ code: "unimplemented" });
  habit(
    context,
    4,
    "Request compression gzip",
    "Connect unary, JSON, Connect stream and gRPC-Web; an unknown one is `unimplemented`",
  );
});

const types = [
  ["application/proto", "Unary", message, 200],
  ["application/json", "Unary", Buffer.from(json), 200],
  ["application/connect+proto", "ServerStream", envelope(message), 200],
  ["application/connect+json", "ServerStream", envelope(Buffer.from(json)), 200],
  ["application/grpc-web+proto", "Unary", envelope(message), 200],
  ["application/grpc-web-text", "Unary", Buffer.from(envelope(message).toString("base64")), 200],
] as const;

test("charset: content-types with a parameter are taken", async (context) => {
  for (const [type, kind, body, status] of types) {
    for (const suffix of ["; charset=utf-8", ";charset=UTF-8", ' ; Charset="utf-8"']) {
      const answer = await post(pathOf(kind), { "content-type": type + suffix }, body);
      expect(`${type}${suffix}: ${answer.status}`).toBe(`${type}${suffix}: ${status}`);
      expect(answer.headers["grpc-status"] ?? "0").toBe("0");
      expect(answer.body.length).toBeGreaterThan(300);
    }
  }
  habit(
    context,
    5,
    "Charset on the content-type (React Native)",
    `${types.map(([type]) => `\`${type}\``).join(", ")}: taken`,
  );
});
