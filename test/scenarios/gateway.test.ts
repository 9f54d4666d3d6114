import { Agent } from "node:http";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test, vi } from "vitest";
import { describeEcho, pathOf } from "../e2e/support/echo.ts";
import { type GatewayOptions, startGatewayProcess } from "../e2e/support/gateway.ts";
import { startPod } from "../e2e/support/pods.ts";
import { ROUND_ROBIN, repeat, STOCK, startLoad } from "./support/load.ts";
import { startService } from "./support/service.ts";
import { createStage } from "./support/stage.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** What the gateway's own end is like for its clients. */

const stage = createStage();

async function startPair(options: Omit<GatewayOptions, "target">) {
  const pod = stage.add(await startPod("connect-node", { work: 10 }), (one) => one.stop("SIGKILL"));
  const start = async () => {
    const made = await startGatewayProcess({ ...options, target: `ipv4:${pod.address}` });
    return stage.add(made, (one) => one.child.stop("SIGKILL"));
  };
  return { pod, one: await start(), other: await start() };
}

const bytes = (message: Buffer): Buffer => message;

/** Unary calls of connect-node, which never sends one again, over so many connections that are kept. */
function startHttp1Load(port: number, protocol: string, atOnce: number) {
  const agent = new Agent({ keepAlive: true });
  const options = { httpVersion: "1.1", baseUrl: `http://127.0.0.1:${port}`, nodeOptions: { agent } } as const;
  const transport = protocol === "Connect" ? createConnectTransport(options) : createGrpcWebTransport(options);
  const unary = describeEcho().methods.find(({ name }) => name === "Unary");
  if (unary?.methodKind !== "unary") throw new Error("no method Unary");
  const call = async (): Promise<string | null> => {
    try {
      await transport.unary(unary as DescMethodUnary, undefined, undefined, undefined, {});
      return null;
    } catch (error) {
      return String(error);
    }
  };
  return repeat(call, atOnce, () => agent.destroy());
}

describe("gateway", () => {
  test("SIGTERM under load, with another gateway there: exit 0, no call fails", async () => {
    const { one, other } = await startPair({});
    const load = startLoad(`ipv4:${one.address},${other.address}`, 16, ROUND_ROBIN);
    await load.more(200);
    const code = await one.stop();
    await load.more(200);
    await load.stop();
    console.log(`SIGTERM under load: ${load.done()} calls, ${load.failed()} failed, exit ${code}`);
    expect(code).toBe(0);
    expect(load.failures).toEqual(new Map());
  });

  test.each(["Connect", "gRPC-Web"])(
    "SIGTERM under load of HTTP/1.1 with keep-alive, behind a Service: exit 0, no call of %s fails",
    async (protocol) => {
      const { one, other } = await startPair({ args: ["--drain-delay", "3s"] });
      const service = stage.add(await startService([one.address, other.address]), (made) => made.close());
      const load = startHttp1Load(service.port, protocol, 16);
      await load.more(200);
      const exit = one.stop();
      // As Kubernetes does: who has failed readiness gets no new connections, some time after.
      while ((await one.status("/readyz")) !== 503);
      await load.more(100);
      service.remove(one.address);
      const code = await exit;
      await load.more(200);
      await load.stop();
      console.log(`SIGTERM under load of ${protocol}: ${load.done()} calls, ${load.failed()} failed, exit ${code}`);
      expect(code).toBe(0);
      expect(load.failures).toEqual(new Map());
    },
  );

  test("a gateway that is added: gets its share of clients that were there before, and no call fails", async () => {
    const { one, other } = await startPair({ args: ["--max-connection-age", "2s"] });
    const service = stage.add(await startService([one.address]), (made) => made.close());
    const loads = [
      ...Array.from({ length: 4 }, () => startLoad(`127.0.0.1:${service.port}`, 2, STOCK)),
      startHttp1Load(service.port, "Connect", 4),
    ];
    await Promise.all(loads.map((load) => load.more(50)));
    service.add(other.address);
    const taken = async () => {
      const samples = await other.metrics(/^fairlead_calls_total$/);
      return samples.reduce((sum, { value }) => sum + value, 0);
    };
    while ((await taken()) < 200);
    await Promise.all(loads.map((load) => load.more(50)));
    await Promise.all(loads.map((load) => load.stop()));
    for (const { failures } of loads) expect(failures).toEqual(new Map());
  });

  test("SIGTERM with a stream open: readiness fails first, new calls are still taken, the stream ends well, exit 0", async () => {
    const { one } = await startPair({ args: ["--drain-delay", "3s"] });
    const client = stage.add(new grpc.Client(one.address, grpc.credentials.createInsecure()), (made) => made.close());
    const stream = client.makeBidiStreamRequest(pathOf("Bidi"), bytes, bytes);
    stream.on("error", () => {});
    const answers: Buffer[] = [];
    const status = new Promise<grpc.StatusObject>((resolve) => stream.once("status", resolve));
    stream.on("data", (answer: Buffer) => answers.push(answer));
    stream.write(Buffer.from([0x0a, 1, 65]));
    await new Promise((resolve) => stream.once("data", resolve));

    expect(await one.status("/readyz")).toBe(200);
    const exit = one.stop();
    while ((await one.status("/readyz")) !== 503);
    // Within the drain delay: whoever has not heard yet is served, on connections old and new.
    const late = startLoad(one.address, 1);
    await late.more(3);
    await late.stop();
    expect(late.failures).toEqual(new Map());

    // The listener closes when the delay is over; the stream that is open goes on.
    await one.child.report(({ event }) => event === "draining");
    const refused = async (): Promise<boolean> => {
      const probe = startLoad(one.address, 1);
      await probe.more(1);
      await probe.stop();
      return probe.failed() > 0;
    };
    while (!(await refused()));
    stream.write(Buffer.from([0x0a, 1, 66]));
    await new Promise((resolve) => stream.once("data", resolve));
    stream.end();
    expect((await status).code).toBe(0);
    expect(answers).toHaveLength(2);
    expect(await exit).toBe(0);
  });

  test("SIGTERM with a call that does not end: it is ended after the drain timeout, exit 0", async () => {
    const { one } = await startPair({ args: ["--drain-timeout", "300ms"] });
    const client = stage.add(new grpc.Client(one.address, grpc.credentials.createInsecure()), (made) => made.close());
    const metadata = new grpc.Metadata();
    metadata.set("x-hang", "1");
    const stream = client.makeServerStreamRequest(pathOf("ServerStream"), bytes, bytes, Buffer.alloc(0), metadata);
    const status = new Promise<grpc.StatusObject>((resolve) => stream.once("status", resolve));
    stream.on("error", () => {});
    await new Promise((resolve) => stream.once("data", resolve));
    expect(await one.stop()).toBe(0);
    expect((await status).code).toBe(grpc.status.UNAVAILABLE);
  });

  test("a second signal: ends at once, not with exit 0", async () => {
    const { one } = await startPair({ args: ["--drain-delay", "1m"] });
    process.kill(one.child.pid, "SIGTERM");
    await one.child.report(({ event }) => event === "draining");
    expect(await one.stop()).not.toBe(0);
  });
});
