import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { EchoService } from "../../../src/gen/fairlead/demo/v1/echo_pb.ts";
import {
  createGateway,
  type Gateway,
  type GatewayConfig,
  type GatewayOptions,
} from "../../../src/library/create-gateway.ts";
import type { Machine } from "../../../src/runtime/machine.ts";
import { createTestMachine, track } from "../../support/harness.ts";
import { startTestPod, type TestPod } from "../../transport/support/pods.ts";

/** A gateway that is closed after the test, whose sockets must be closed then and whose calls over before. */
export function trackEmbedded(config: GatewayConfig, options: GatewayOptions = {}): Gateway {
  const machine: Machine = createTestMachine();
  const gateway = createGateway(config, { machine, ...options });
  track({
    close: async () => {
      const endpoints =
        gateway
          .view()
          ?.backends()
          .flatMap((backend) => backend.endpoints) ?? [];
      await gateway.close();
      const outstanding = endpoints.reduce((sum, endpoint) => sum + endpoint.outstanding, 0);
      if (outstanding > 0) throw new Error(`${outstanding} calls were outstanding when the test ended`);
    },
  });
  return gateway;
}

/** A pod with every kind of call, that names itself. */
export function startEcho(name = "pod"): Promise<TestPod> {
  return startTestPod((router) => {
    router.service(EchoService, {
      echo: ({ text }, { responseTrailer }) => {
        responseTrailer.set("x-tail", "the end");
        return { text, pod: name };
      },
      async *repeat({ text, times }) {
        for (let number = 1; number <= times; number++) yield { text, number, pod: name };
      },
      async *chat(requests) {
        for await (const { text } of requests) yield { text, pod: name };
      },
    });
  });
}

/** One unary call, with the trailer that it brought. */
export async function echo(transport: Transport, text = "hello"): Promise<string> {
  let tail: string | null = null;
  const answer = await createClient(EchoService, transport).echo(
    { text },
    {
      onTrailer: (trailer) => {
        tail = trailer.get("x-tail");
      },
    },
  );
  return `${answer.text} from ${answer.pod}, ${tail}`;
}

/** connect-node's clients, one for each protocol that the HTTP version carries. They close their connections at once. */
export function transportsTo(baseUrl: string, httpVersion: "1.1" | "2"): Readonly<Record<string, Transport>> {
  if (httpVersion === "1.1") {
    const options = { baseUrl, httpVersion, nodeOptions: { agent: false } } as const;
    return { connect: createConnectTransport(options), "grpc-web": createGrpcWebTransport(options) };
  }
  const options = { baseUrl, httpVersion, idleConnectionTimeoutMs: 1 } as const;
  return {
    connect: createConnectTransport(options),
    "grpc-web": createGrpcWebTransport(options),
    grpc: createGrpcTransport({ baseUrl, idleConnectionTimeoutMs: 1 }),
  };
}
