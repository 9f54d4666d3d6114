import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoResponseSchema, EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { createTransport } from "../../src/transport/create-transport.ts";
import { track } from "../support/harness.ts";
import { startTestPod } from "./support/pods.ts";
import { trackTransport } from "./support/transport.ts";

async function* of<T>(...values: readonly T[]): AsyncIterable<T> {
  yield* values;
}

/** A promise that is resolved from outside. */
function signal<T = void>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const codeOf = (call: Promise<unknown>): Promise<Code> =>
  call.then(
    () => Promise.reject(new Error("the call did not fail")),
    (error: unknown) => ConnectError.from(error).code,
  );

describe("transport: calls", () => {
  test("every kind of call, with headers and trailers both ways", async () => {
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        echo: (request, { requestHeader, responseHeader, responseTrailer }) => {
          responseHeader.set("x-head", requestHeader.get("x-sent") ?? "");
          responseTrailer.set("x-tail", "the end");
          return { text: request.text };
        },
        async *repeat({ text, times }) {
          for (let number = 1; number <= times; number++) yield { text, number };
        },
        async collect(requests) {
          let count = 0;
          for await (const _ of requests) count++;
          return { count };
        },
        async *chat(requests) {
          for await (const { text } of requests) yield { text };
        },
      }),
    );
    const client = createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` }));

    const seen: string[] = [];
    const { text } = await client.echo(
      { text: "hello" },
      {
        headers: { "x-sent": "from here" },
        onHeader: (header) => seen.push(header.get("x-head") ?? ""),
        onTrailer: (trailer) => seen.push(trailer.get("x-tail") ?? ""),
      },
    );
    expect([text, ...seen]).toEqual(["hello", "from here", "the end"]);

    const numbers: number[] = [];
    for await (const { number } of client.repeat({ times: 3 })) numbers.push(number);
    expect(numbers).toEqual([1, 2, 3]);
    expect((await client.collect(of({ text: "a" }, { text: "b" }))).count).toBe(2);
    const texts: string[] = [];
    for await (const answer of client.chat(of({ text: "a" }, { text: "b" }))) texts.push(answer.text);
    expect(texts).toEqual(["a", "b"]);
  });

  test("full duplex: an answer is read before the next message is written", async () => {
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        async *chat(requests) {
          for await (const { text } of requests) yield { text: `${text}!` };
        },
      }),
    );
    const client = createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` }));
    let next = signal<string>();
    async function* sent(): AsyncIterable<{ text: string }> {
      for (;;) {
        const text = await next.promise;
        if (text === "") return;
        next = signal<string>();
        yield { text };
      }
    }
    const answers = client.chat(sent())[Symbol.asyncIterator]();
    for (const text of ["one", "two", "three"]) {
      next.resolve(text);
      expect((await answers.next()).value?.text).toBe(`${text}!`);
    }
    next.resolve("");
    expect((await answers.next()).done).toBe(true);
  });

  test("errors: code, message and details are the pod's", async () => {
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        fail: () => {
          const detail = { desc: EchoResponseSchema, value: { text: "why" } };
          throw new ConnectError("not in this state: 50% ü", Code.FailedPrecondition, { "x-tail": "yes" }, [detail]);
        },
      }),
    );
    const client = createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` }));
    const error = ConnectError.from(await client.fail({}).catch((reason: unknown) => reason));
    expect(error.code).toBe(Code.FailedPrecondition);
    expect(error.rawMessage).toBe("not in this state: 50% ü");
    expect(error.findDetails(EchoResponseSchema).map(({ text }) => text)).toEqual(["why"]);
    expect(error.metadata.get("x-tail")).toBe("yes");
  });

  test("an AbortSignal reaches the pod, and nothing stays counted", async () => {
    const arrived = signal();
    const cancelled = signal();
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        echo: (_request, context) => {
          context.signal.addEventListener("abort", () => cancelled.resolve());
          arrived.resolve();
          return new Promise(() => {});
        },
      }),
    );
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` });
    const controller = new AbortController();
    const code = codeOf(createClient(EchoService, transport).echo({}, { signal: controller.signal }));
    await arrived.promise;
    expect(transport.view().endpoints[0].outstanding).toBe(1);
    controller.abort();
    expect(await code).toBe(Code.Canceled);
    await cancelled.promise;
    expect(transport.view().endpoints[0].outstanding).toBe(0);
  });

  test("a signal that is aborted already: no pod is asked", async () => {
    const transport = trackTransport({ target: "ipv4:127.0.0.1:1" });
    const signal = AbortSignal.abort();
    expect(await codeOf(createClient(EchoService, transport).echo({}, { signal }))).toBe(Code.Canceled);
    expect(transport.view().endpoints).toEqual([]);
  });

  test("a deadline goes to the pod, ends the call there, and counts as one", async () => {
    const timeouts: (number | undefined)[] = [];
    const ended = signal();
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        echo: (_request, context) => {
          timeouts.push(context.timeoutMs());
          context.signal.addEventListener("abort", () => ended.resolve());
          return new Promise(() => {});
        },
      }),
    );
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}`, defaultTimeoutMs: 50 });
    await transport.connect();
    expect(await codeOf(createClient(EchoService, transport).echo({}))).toBe(Code.DeadlineExceeded);
    await ended.promise;
    expect(timeouts[0]).toBeLessThanOrEqual(50);
    await expect.poll(() => transport.view().calls[Code.DeadlineExceeded]).toBe(1);
    expect(transport.view().calls[Code.Canceled]).toBe(0);
  });

  test("back-pressure: a pod is stopped by a reader that does not read", async () => {
    const piece = "x".repeat(16_384);
    let sent = 0;
    const stopped = signal();
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        async *repeat(_request, { signal }) {
          signal.addEventListener("abort", () => stopped.resolve());
          for (;;) {
            sent += piece.length;
            yield { text: piece };
          }
        },
      }),
    );
    // Compressed, this would be next to nothing.
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}`, acceptCompression: [] });
    const controller = new AbortController();
    const client = createClient(EchoService, transport);
    const answers = client.repeat({}, { signal: controller.signal })[Symbol.asyncIterator]();
    await answers.next();
    const before = await settled(() => sent);
    for (let read = 0; read < 100; read++) await answers.next();
    const after = await settled(() => sent);
    // A window of 256 KiB at our end and what the pod's own socket takes; and after a hundred reads about a hundred more.
    expect(before).toBeLessThan(4 << 20);
    expect(after - before).toBeGreaterThan(50 * piece.length);
    expect(after - before).toBeLessThan(200 * piece.length);
    controller.abort();
    await stopped.promise;
  });

  test("back-pressure: messages are asked of the application no faster than the pod takes them", async () => {
    const go = signal();
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        async collect(requests) {
          await go.promise;
          let count = 0;
          for await (const _ of requests) count++;
          return { count };
        },
      }),
    );
    const client = createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` }));
    const text = "x".repeat(16_384);
    let asked = 0;
    const answer = client.collect(
      (async function* () {
        for (; asked < 1_000; asked++) yield { text };
      })(),
    );
    const before = await settled(() => asked);
    expect(before).toBeLessThan(500);
    go.resolve();
    expect((await answer).count).toBe(1_000);
  });

  test("messages that fail in the application cancel the call, and it fails with their error", async () => {
    const arrived = signal();
    const cancelled = signal();
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        async collect(requests, { signal }) {
          signal.addEventListener("abort", () => cancelled.resolve());
          arrived.resolve();
          for await (const _ of requests);
          return {};
        },
      }),
    );
    const client = createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${pod.port}` }));
    const call = client.collect(
      (async function* () {
        yield { text: "one" };
        await arrived.promise;
        throw new ConnectError("no more paper", Code.DataLoss);
      })(),
    );
    expect(await codeOf(call)).toBe(Code.DataLoss);
    await cancelled.promise;
  });

  test("compression: requests and answers, gzip and Brotli", async () => {
    const { compressionBrotli, compressionGzip } = await import("../../src/runtime/compression.ts");
    const pod = await startTestPod((router) =>
      router.service(EchoService, {
        echo: ({ text }, { requestHeader }) => ({ text: `${requestHeader.get("grpc-encoding")} ${text}` }),
      }),
    );
    for (const compression of [compressionGzip, compressionBrotli]) {
      const transport = trackTransport({
        target: `ipv4:127.0.0.1:${pod.port}`,
        sendCompression: compression,
        acceptCompression: [compression],
        compressMinBytes: 0,
      });
      let coding: string | null = null;
      const onHeader = (header: Headers): void => {
        coding = header.get("grpc-encoding");
      };
      const { text } = await createClient(EchoService, transport).echo({ text: "x".repeat(10_000) }, { onHeader });
      expect(text).toBe(`${compression.name} ${"x".repeat(10_000)}`);
      expect(coding).toBe(compression.name);
    }
  });

  test("readMaxBytes: a larger answer is resource_exhausted", async () => {
    const pod = await startTestPod((router) =>
      router.service(EchoService, { echo: () => ({ text: "x".repeat(10_000) }) }),
    );
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${pod.port}`, readMaxBytes: 1_000 });
    expect(await codeOf(createClient(EchoService, transport).echo({}))).toBe(Code.ResourceExhausted);
  });

  test("interceptors see the call under the name that was asked for", async () => {
    const pod = await startTestPod((router) => router.service(EchoService, { echo: ({ text }) => ({ text }) }));
    const urls: string[] = [];
    const transport = track(
      createTransport({
        target: `ipv4:127.0.0.1:${pod.port}`,
        authority: "echo.example:50051",
        interceptors: [
          (next) => (request) => {
            urls.push(request.url);
            return next(request);
          },
        ],
      }),
    );
    await createClient(EchoService, transport).echo({ text: "a" });
    expect(urls).toEqual(["http://echo.example:50051/fairlead.demo.v1.EchoService/Echo"]);
  });
});

/** The value once it has not changed for some turns of the event loop. */
async function settled(read: () => number): Promise<number> {
  let last = read();
  for (let quiet = 0; quiet < 20; quiet++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (read() !== last) quiet = 0;
    last = read();
  }
  return last;
}
