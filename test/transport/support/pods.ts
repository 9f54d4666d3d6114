import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type NodeHttp2Server, startNodeHttp2Server } from "../../../src/runtime/http2-server.ts";
import { track } from "../../support/harness.ts";

/** Ports that may be taken on one of the addresses before it is given up. */
const ATTEMPTS = 5;

/** A gRPC server of connect-node in this process. */
export interface TestPod extends NodeHttp2Server {
  readonly name: string;
}

/** Closed after the test. @param port 0 for a free one */
export async function startTestPod(
  routes: (router: ConnectRouter) => void,
  host = "127.0.0.1",
  port = 0,
): Promise<TestPod> {
  const handler = connectNodeAdapter({ routes, connect: false, grpcWeb: false });
  const server = await startNodeHttp2Server(handler, host, port);
  track({ close: () => server.destroy() });
  return { ...server, name: `${host}:${server.port}` };
}

/** Pods as a headless Service has them: an address each, the same port everywhere. */
export async function startFleet(
  count: number,
  routesOf: (pod: string) => (router: ConnectRouter) => void,
): Promise<readonly TestPod[]> {
  for (let attempt = 1; ; attempt++) {
    const first = await startTestPod(routesOf("pod 1"), "127.0.0.21");
    const others = await Promise.allSettled(
      Array.from({ length: count - 1 }, (_, at) =>
        startTestPod(routesOf(`pod ${at + 2}`), `127.0.0.${22 + at}`, first.port),
      ),
    );
    const pods = [first, ...others.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []))];
    if (pods.length === count) return pods;
    await Promise.all(pods.map((pod) => pod.destroy()));
    if (attempt === ATTEMPTS) throw new Error(`no port is free on all of ${count} loopback addresses`);
  }
}
