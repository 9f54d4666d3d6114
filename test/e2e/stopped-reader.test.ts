import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { usage } from "../bench/proc.ts";
import { type GatewayProcess, startGatewayProcess } from "./support/gateway.ts";

const MESSAGE_BYTES = 65_536;
const GIB = 1 << 30;
const MIB = 1 << 20;
/**
 * What may be under way to a reader that has stopped: the window of a call towards the client and towards the pod (256 KiB each), a
 * connection's window (1 MiB), and what the kernel takes for two loopback sockets in both directions (10 MiB each at most).
 */
const UNDER_WAY = 24 * MIB;

/** One message in gRPC's envelope. */
const MESSAGE = Buffer.alloc(5 + MESSAGE_BYTES);
MESSAGE.writeUInt32BE(MESSAGE_BYTES, 1);

interface PodCall {
  sent: number;
  cancelled: boolean;
}

const podCalls: PodCall[] = [];
const pod = http2.createServer();
pod.on("stream", (stream) => {
  const call: PodCall = { sent: 0, cancelled: false };
  podCalls.push(call);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  const send = (): void => {
    while (call.sent < GIB) {
      call.sent += MESSAGE.length;
      if (!stream.write(MESSAGE)) return;
    }
    stream.end();
  };
  stream.on("drain", send);
  stream.on("error", () => {});
  stream.on("close", () => {
    call.cancelled = stream.rstCode !== 0;
  });
  send();
});

let gateway: GatewayProcess;
beforeAll(async () => {
  pod.listen(0, "127.0.0.1");
  await once(pod, "listening");
  const { port } = pod.address() as { readonly port: number };
  gateway = await startGatewayProcess({ target: `ipv4:127.0.0.1:${port}` });
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  pod.close();
});

interface Reader {
  readonly body: Readable;
  leave(): void;
}

const EMPTY_MESSAGE = Buffer.alloc(5);
const PATH = "/big.v1.Big/Give";

async function overHttp2(contentType: string, message: Buffer): Promise<Reader> {
  const session = http2.connect(`http://${gateway.address}`);
  const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": contentType, te: "trailers" });
  stream.end(message);
  await once(stream, "response");
  return {
    body: stream,
    leave: () => {
      stream.on("error", () => {});
      session.on("error", () => {});
      session.destroy();
    },
  };
}

async function overHttp1(contentType: string, message: Buffer): Promise<Reader> {
  const request = http.request(`http://${gateway.address}${PATH}`, {
    method: "POST",
    headers: { "content-type": contentType },
  });
  request.end(message);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return {
    body: response,
    leave: () => {
      response.on("error", () => {});
      request.destroy();
    },
  };
}

const outstanding = async (): Promise<number> => {
  const samples = await gateway.metrics(/outstanding/);
  return samples.reduce((sum, { value }) => sum + value, 0);
};

test.each([
  ["gRPC", "HTTP/2", "application/grpc"],
  ["gRPC-Web", "HTTP/2", "application/grpc-web+proto"],
  ["gRPC-Web text", "HTTP/2", "application/grpc-web-text+proto"],
  ["Connect stream", "HTTP/2", "application/connect+proto"],
  ["gRPC-Web", "HTTP/1.1", "application/grpc-web+proto"],
  ["gRPC-Web text", "HTTP/1.1", "application/grpc-web-text+proto"],
  ["Connect stream", "HTTP/1.1", "application/connect+proto"],
])("1 GiB to a reader that stops, %s over %s: the windows bound what is under way", async (protocol, version, type) => {
  const message = type.includes("text") ? Buffer.from(EMPTY_MESSAGE.toString("base64")) : EMPTY_MESSAGE;
  const before = usage(gateway.child.pid).rssBytes;
  const known = podCalls.length;
  const reader = await (version === "HTTP/2" ? overHttp2 : overHttp1)(type, message);
  // The first message is here while the pod still has nearly all of the gigabyte: an answer is never gathered first.
  await once(reader.body, "readable");
  expect(reader.body.read()).not.toBe(null);
  const call = podCalls[known];
  for (let last = -1; last !== call.sent; ) {
    last = call.sent;
    await delay(150);
  }
  const grown = usage(gateway.child.pid).rssBytes - before;
  console.log(
    `${protocol} over ${version}: the pod could send ${(call.sent / MIB).toFixed(1)} MiB of 1024, RSS ${(grown / MIB).toFixed(1)} MiB more`,
  );
  expect(call.sent).toBeLessThan(UNDER_WAY);
  // Far above what is measured, and far below what is sent: memory follows the windows, not the answer.
  expect(grown).toBeLessThan(128 * MIB);
  reader.leave();
  while (!call.cancelled || (await outstanding()) !== 0) await delay(5);
});
