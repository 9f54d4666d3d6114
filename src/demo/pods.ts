import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { EchoResponseSchema, EchoService } from "../gen/fairlead/demo/v1/echo_pb.ts";
import type { Clock } from "../runtime/machine.ts";
import { createWorkers, type Workers } from "./workers.ts";

export interface PodSpec {
  readonly name: string;
  /** Milliseconds of work in each call. */
  readonly work: number;
  /** Calls worked on at the same time; the others wait in the pod. */
  readonly workers: number;
}

/** A gRPC server of the demo, with its own count of what came. */
export interface Pod {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Calls that arrived. */
  readonly calls: number;
  /** When the first and the last of them arrived, on the clock given; null when none did. */
  readonly firstCall: number | null;
  readonly lastCall: number | null;
  /** Calls that the client gave up while the pod worked on them. */
  readonly cancelled: number;
  /** Shuts down in order: GOAWAY, open calls finish. */
  close(): Promise<void>;
  /** Ends the server and its connections at once. */
  destroy(): Promise<void>;
}

/** How a Node request handler becomes a server; resolves when it listens. */
export type StartServer = (
  handler: ReturnType<typeof connectNodeAdapter>,
  host: string,
  port: number,
) => Promise<{ readonly port: number; close(): Promise<void>; destroy(): Promise<void> }>;

/**
 * It speaks gRPC over plaintext HTTP/2 and refuses every other protocol, as most pods do.
 * @throws (rejects) when the address is not ours or in use
 */
export async function startPod(
  spec: PodSpec,
  host: string,
  port: number,
  clock: Clock,
  startServer: StartServer,
): Promise<Pod> {
  let calls = 0;
  let firstCall: number | null = null;
  let lastCall: number | null = null;
  let cancelled = 0;
  const workers = createWorkers(spec.workers, spec.work, clock);
  const arrived = () => {
    calls++;
    lastCall = clock.now();
    firstCall ??= lastCall;
  };
  const gaveUp = () => {
    cancelled++;
  };
  const routes = echoRoutes(spec.name, workers, arrived, gaveUp);
  const server = await startServer(connectNodeAdapter({ routes, connect: false, grpcWeb: false }), host, port);
  return {
    name: spec.name,
    host,
    port: server.port,
    get calls() {
      return calls;
    },
    get firstCall() {
      return firstCall;
    },
    get lastCall() {
      return lastCall;
    },
    get cancelled() {
      return cancelled;
    },
    close: () => server.close(),
    destroy: () => server.destroy(),
  };
}

/** A bound for `Repeat`, so that a mistyped number does not keep a pod busy for an hour. */
const maxRepeats = 1000;

function echoRoutes(
  pod: string,
  workers: Workers,
  arrived: () => void,
  gaveUp: () => void,
): (router: ConnectRouter) => void {
  const work = async (context: HandlerContext) => {
    if (await workers.work(context.signal)) return;
    gaveUp();
    throw new ConnectError(`${pod}: call given up`, Code.Canceled);
  };
  return (router) =>
    router.service(EchoService, {
      async echo(request, context) {
        arrived();
        await work(context);
        return { text: request.text, pod };
      },
      async *repeat(request, context) {
        arrived();
        const times = Math.min(request.times || 1, maxRepeats);
        for (let number = 1; number <= times; number++) {
          await work(context);
          yield { text: request.text, pod, number };
        }
      },
      async collect(requests, context) {
        arrived();
        const texts: string[] = [];
        for await (const request of requests) texts.push(request.text);
        await work(context);
        return { text: texts.join(" "), pod, count: texts.length };
      },
      async *chat(requests, context) {
        arrived();
        for await (const request of requests) {
          await work(context);
          yield { text: request.text, pod };
        }
      },
      async fail(request, context) {
        arrived();
        await work(context);
        const detail = { desc: EchoResponseSchema, value: { text: request.text, pod } };
        throw new ConnectError(`${pod} fails because it was asked to`, Code.FailedPrecondition, undefined, [detail]);
      },
    });
}
