import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGateway } from "../../src/create-gateway.ts";
import { backendSettings, gatewaySettings } from "../gateway/support/settings.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { createTestMachine, trackGateway } from "../support/harness.ts";

/**
 * grpc-js pods with @grpc/reflection, over real sockets. grpc-go ones, with a hundred kinds of calls, are in the conformance
 * suite's part `server-reflection`.
 */

interface Item {
  readonly name: string;
  readonly price: string;
}

const folder = `${import.meta.dirname}/protos`;

class GrpcJsPod {
  readonly version: string;
  readonly #server = new grpc.Server();

  constructor(version: string) {
    this.version = version;
    const definition = protoLoader.loadSync("shop/v1/cart.proto", {
      includeDirs: [`${folder}/${version}`],
      longs: String,
      defaults: true,
    });
    const service = definition["shop.v1.Cart"] as grpc.ServiceDefinition;
    const receipt = (item: Item) => ({ version, item });
    this.#server.addService(service, {
      Add: (call: grpc.ServerUnaryCall<Item, unknown>, done: grpc.sendUnaryData<unknown>) => {
        if (call.request.name === "") done({ code: grpc.status.INVALID_ARGUMENT, details: "an item needs a name" });
        else done(null, receipt(call.request));
      },
      Watch: (call: grpc.ServerWritableStream<Item, unknown>) => {
        for (let i = 0; i < 3; i++) call.write(receipt({ ...call.request, price: String(i) }));
        call.end();
      },
    });
    new ReflectionService(definition).addToServer(this.#server);
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

const pods = [new GrpcJsPod("v1"), new GrpcJsPod("v2")];
let ports: number[] = [];
beforeAll(async () => {
  ports = await Promise.all(pods.map((pod) => pod.listen()));
});
afterAll(() => {
  for (const pod of pods) pod.stop();
});

async function start(of: readonly number[]): Promise<string> {
  const machine = createTestMachine();
  const target = `ipv4:${of.map((port) => `127.0.0.1:${port}`).join(",")}`;
  const settings = gatewaySettings({
    backends: [backendSettings({ target, policy: "round_robin", json: "transcode" })],
  });
  const gateway = trackGateway(createGateway(settings, machine, collectingLog()));
  await gateway.start();
  return `http://127.0.0.1:${gateway.view.listeners()[0].port}`;
}

const post = (url: string, body: string, type = "application/json") =>
  fetch(url, { method: "POST", headers: { "content-type": type, connection: "close" }, body });

describe("grpc-js pods with reflection", () => {
  test("unary, and an error of the pod's", async () => {
    const url = await start([ports[0]]);
    const answer = await post(`${url}/shop.v1.Cart/Add`, `{"name":"tea","price":9007199254740993}`);
    expect(await answer.json()).toEqual({ version: "v1", item: { name: "tea", price: "9007199254740993" } });
    const refused = await post(`${url}/shop.v1.Cart/Add`, "{}");
    expect(refused.status).toBe(400);
    expect(await refused.json()).toEqual({ code: "invalid_argument", message: "an item needs a name" });
  });

  test("a stream", async () => {
    const url = await start([ports[0]]);
    const message = `{"name":"tea"}`;
    const prefix = String.fromCharCode(0, 0, 0, 0, message.length);
    const answer = await post(`${url}/shop.v1.Cart/Watch`, prefix + message, "application/connect+json");
    const text = await answer.text();
    expect(text.match(/\{"version":"v1"/g)).toHaveLength(3);
    expect(text).toContain(`"price":"2"`);
  });

  test("v1 and v2 side by side", async () => {
    const url = await start(ports);
    const seen = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const answer = await post(`${url}/shop.v1.Cart/Add`, `{"name":"tea","price":"${i}"}`);
      const { version, item } = (await answer.json()) as { readonly version: string; readonly item: Item };
      expect(item).toEqual(i === 0 && version === "v1" ? { name: "tea" } : { name: "tea", price: `${i}` });
      seen.add(version);
    }
    expect([...seen].sort()).toEqual(["v1", "v2"]);
  });
});
