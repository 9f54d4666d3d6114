import { type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type NodeHttp2Server, startNodeHttp2Server } from "../../../src/runtime/http2-server.ts";
import {
  BrowserService,
  type SayRequest,
  type SayResponseSchema,
  WhySchema,
} from "../gen/fairlead/browser/v1/browser_pb.ts";

/** One call as its pod saw it. */
export interface SeenCall {
  readonly pod: string;
  readonly method: string;
  /** Names the call. */
  readonly text: string;
  readonly header: Headers;
  /** Texts of a client stream, as they came. */
  readonly received: string[];
  /** `deadline` is the pod's own clock, `cancelled` a reset. */
  readonly ended: Promise<"ok" | "failed" | "cancelled" | "deadline">;
}

/** Pods that speak gRPC over plaintext HTTP/2 and refuse everything else. */
export interface Fleet {
  /** In gRPC's naming syntax. */
  readonly target: string;
  readonly names: readonly string[];
  readonly calls: readonly SeenCall[];
  /** The first call of that text and method, past or future. */
  seen(text: string, method?: string): Promise<SeenCall>;
  /** The call has received so many texts. */
  received(call: SeenCall, texts: number): Promise<void>;
  /** Lets a stepwise stream go on to its next message, or to its end. */
  step(text: string): void;
  close(): Promise<unknown>;
}

export async function startFleet(pods: number): Promise<Fleet> {
  const calls: SeenCall[] = [];
  const steps = new Map<string, number>();
  const waiters = new Set<() => void>();
  const changed = () => {
    for (const waiter of [...waiters]) waiter();
  };
  const until = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const waiter = () => {
        const found = look();
        if (found === undefined) return;
        waiters.delete(waiter);
        resolve(found);
      };
      waiters.add(waiter);
      waiter();
    });

  /** Notes a call, and passes on the metadata that it is to come back with. */
  const begin = (pod: string, text: string, context: HandlerContext) => {
    let end: (how: Awaited<SeenCall["ended"]>) => void = () => {};
    const ended = new Promise<Awaited<SeenCall["ended"]>>((resolve) => {
      end = resolve;
    });
    context.signal.addEventListener("abort", () => {
      const { reason } = context.signal;
      end(reason instanceof ConnectError && reason.code === Code.DeadlineExceeded ? "deadline" : "cancelled");
    });
    const { requestHeader: header, responseHeader, responseTrailer, method } = context;
    for (const [key, value] of header) {
      if (key.startsWith("x-echo-")) for (const one of value.split(", ")) responseHeader.append(key, one);
      if (key.startsWith("x-trail-")) for (const one of value.split(", ")) responseTrailer.append(key, one);
    }
    if (text.startsWith("keep")) responseHeader.set("cache-control", "max-age=60");
    const call = { pod, method: method.name, text, header, received: [] as string[], ended };
    calls.push(call);
    changed();
    const fail = (code: number) => {
      if (code === 0) return end("ok");
      end("failed");
      const why = { why: `as ${text} wished`, pod };
      // Characters that need escapes in a header.
      throw new ConnectError(`${text}: größer als 100%`, code, undefined, [{ desc: WhySchema, value: why }]);
    };
    const gone = new Promise<never>((_, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason));
    });
    gone.catch(() => {});
    return { call, fail, gone };
  };

  const routes = (pod: string) => (router: ConnectRouter) => {
    const say = async (request: SayRequest, context: HandlerContext) => {
      const { fail, gone } = begin(pod, request.text, context);
      if (request.hang) await gone;
      fail(request.fail);
      const { text, bytes, number } = request;
      return { text, pod, bytes, number } satisfies MessageInitShape<typeof SayResponseSchema>;
    };
    router.service(BrowserService, {
      say,
      look: say,
      async *count(request, context) {
        const { text } = request;
        const { fail, gone } = begin(pod, text, context);
        const step = () => {
          if (!request.stepwise) return undefined;
          return Promise.race([gone, until(() => takeStep(steps, text))]);
        };
        for (let number = 1; number <= request.to; number++) {
          await step();
          yield { number, pod };
        }
        await step();
        fail(request.fail);
      },
      async join(requests, context) {
        const { call, fail } = begin(pod, "join", context);
        for await (const { text } of requests) {
          call.received.push(text);
          changed();
        }
        fail(0);
        return { text: call.received.join(" "), pod };
      },
      async *chat(requests, context) {
        const { call, fail } = begin(pod, "chat", context);
        for await (const { text } of requests) {
          call.received.push(text);
          changed();
          yield { text, pod };
        }
        fail(0);
      },
    });
  };

  const names = Array.from({ length: pods }, (_, i) => `pod-${i + 1}`);
  const servers: NodeHttp2Server[] = [];
  for (const name of names) {
    const handler = connectNodeAdapter({ routes: routes(name), connect: false, grpcWeb: false });
    servers.push(await startNodeHttp2Server(handler, "127.0.0.1", 0));
  }
  return {
    target: `ipv4:${servers.map(({ host, port }) => `${host}:${port}`).join(",")}`,
    names,
    calls,
    seen: (text, method) =>
      until(() => calls.find((call) => call.text === text && (method === undefined || call.method === method))),
    received: async (call, texts) => void (await until(() => call.received.length >= texts || undefined)),
    step: (text) => {
      steps.set(text, (steps.get(text) ?? 0) + 1);
      changed();
    },
    close: () => Promise.all(servers.map((server) => server.destroy())),
  };
}

function takeStep(steps: Map<string, number>, text: string): true | undefined {
  const left = steps.get(text) ?? 0;
  if (left === 0) return undefined;
  steps.set(text, left - 1);
  return true;
}

/** The detail's bytes of a call that failed. */
export function whyBytes(text: string, pod: string): Uint8Array {
  return toBinary(WhySchema, { $typeName: "fairlead.browser.v1.Why", why: `as ${text} wished`, pod });
}
