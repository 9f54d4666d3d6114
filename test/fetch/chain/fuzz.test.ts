import { expect, test } from "vitest";
import { seededRandom } from "../../support/random.ts";
import { A, type Asked, answered, B, createWorld, refused, unary, type World } from "./world.ts";

/** Everything that clients and ingresses may do, in every order: in the end nothing is counted, and no timer runs. */

const ROUNDS = 100;
const CALLS = 8;
const TYPES = ["application/proto", "application/connect+proto", "application/grpc-web+proto", "text/plain"];

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

interface Running {
  readonly gone: AbortController;
  readonly upload: ReadableStreamDefaultController<Uint8Array>;
  response: Response | null;
  reader: ReadableStreamDefaultReader<Uint8Array> | null;
}

/** What may throw because somebody else was first. */
function attempt(run: () => void): void {
  try {
    run();
  } catch {
    // The stream has ended or is broken already.
  }
}

test("chain: whatever happens, counts come back to 0", { timeout: 60_000 }, async () => {
  const random = seededRandom();
  for (let round = 0; round < ROUNDS; round++) {
    const options = {
      hedgeAfter: 20,
      safe: ["p.S/Safe"],
      retryBuffer: 20,
      ...(random() < 0.3 ? { maxTimeout: 500 } : {}),
    };
    const world = await createWorld(options);
    const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
    const calls: Running[] = [];
    const ended: Promise<unknown>[] = [];
    for (let step = 0; step < 60; step++) {
      if (calls.length < CALLS && random() < 0.3) begin(world, random, calls, ended);
      else happen(world, random, calls, bodies);
      await turns(1 + Math.floor(random() * 3));
    }
    // Clients leave: some platforms say so by the signal alone, others cancel the answer.
    for (const call of calls) {
      if (random() < 0.5) call.gone.abort();
      if (call.gone.signal.aborted) continue;
      attempt(() => call.upload.error(new Error("the connection is gone")));
      await turns(2);
      await (call.reader?.cancel() ?? call.response?.body?.cancel())?.catch(() => {});
    }
    for (const body of bodies) attempt(() => body.error(new Error("lost")));
    for (let i = 0; i < 20; i++) {
      world.clock.advance(1_000);
      await turns(2);
      for (const asked of world.asked) asked.fail(new Error("lost"));
      for (const { response, gone } of calls) {
        if (!gone.signal.aborted && response?.body?.locked === false) await response.body.cancel().catch(() => {});
      }
    }
    await Promise.all(ended);
    const what = `round ${round}`;
    expect(world.clock.pending, what).toBe(0);
    await expectUncounted(world, what);
  }
});

function begin(world: World, random: () => number, calls: Running[], ended: Promise<unknown>[]): void {
  let upload!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (made) => {
      upload = made;
    },
  });
  const gone = new AbortController();
  if (random() < 0.05) gone.abort();
  if (random() < 0.6) {
    upload.enqueue(new Uint8Array(3));
    if (random() < 0.8) upload.close();
  }
  const type = TYPES[Math.floor(random() * TYPES.length)];
  const headers: Record<string, string> = { "content-type": type };
  if (random() < 0.4) headers["connect-timeout-ms"] = headers["grpc-timeout"] = random() < 0.1 ? "soon" : "100";
  if (headers["grpc-timeout"] === "100") headers["grpc-timeout"] = "100m";
  const init = { body, duplex: "half", signal: gone.signal, headers } as RequestInit;
  const call: Running = { gone, upload, response: null, reader: null };
  calls.push(call);
  ended.push(
    world.call(unary(init, random() < 0.5 ? "/p.S/Safe" : "/p.S/M")).then((response) => {
      call.response = response;
    }),
  );
}

function happen(
  world: World,
  random: () => number,
  calls: readonly Running[],
  bodies: ReadableStreamDefaultController<Uint8Array>[],
): void {
  const call = calls[Math.floor(random() * calls.length)];
  const asked = world.asked[Math.floor(random() * world.asked.length)] as Asked | undefined;
  const body = bodies[Math.floor(random() * bodies.length)];
  const acts: (() => void)[] = [
    () => world.clock.advance(Math.floor(random() * 60)),
    () => call?.gone.abort(),
    () => attempt(() => call?.upload.enqueue(new Uint8Array(Math.floor(random() * 30)))),
    () => attempt(() => call?.upload.close()),
    () => attempt(() => call?.upload.error(new TypeError("terminated"))),
    () => read(call),
    () => read(call),
    () => void call?.reader?.cancel().catch(() => {}),
    () => asked?.fail(random() < 0.5 ? refused() : new TypeError("lost")),
    () => asked?.answer(answered("", { "content-type": TYPES[Math.floor(random() * TYPES.length)] })),
    () => asked?.answer(new Response("<h1>", { status: [200, 302, 404, 502, 503][Math.floor(random() * 5)] })),
    () => asked?.answer(streamed(asked, random, bodies)),
    () => asked?.answer(streamed(asked, random, bodies)),
    () => pull(asked),
    () => attempt(() => body?.enqueue(new Uint8Array(5))),
    () => attempt(() => body?.close()),
    () => attempt(() => body?.error(new TypeError("terminated"))),
  ];
  acts[Math.floor(random() * acts.length)]();
}

/** As a platform's `fetch` does, an abort breaks the answer's body, too. */
function streamed(asked: Asked, random: () => number, bodies: ReadableStreamDefaultController<Uint8Array>[]): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      bodies.push(controller);
      asked.signal.addEventListener("abort", () => attempt(() => controller.error(asked.signal.reason)));
    },
  });
  const type = TYPES[Math.floor(random() * 3)];
  return new Response(body, { headers: { "content-type": type } });
}

function read(call: Running | undefined): void {
  if (call === undefined || call.response === null) return;
  if (call.reader === null && call.response.body?.locked !== false) return;
  call.reader ??= call.response.body?.getReader() ?? null;
  call.reader?.read().catch(() => {});
}

/** The platform takes a piece of the request's body. */
const pulling = new WeakMap<Asked, ReadableStreamDefaultReader<Uint8Array>>();
function pull(asked: Asked | undefined): void {
  if (asked === undefined || !(asked.body instanceof ReadableStream)) return;
  const reader = pulling.get(asked) ?? asked.body.getReader();
  pulling.set(asked, reader);
  reader.read().catch((error) => asked.fail(error));
}

/** With both at 0 the first is asked, and with a call there the second. */
async function expectUncounted(world: World, what: string): Promise<void> {
  const before = world.asked.length;
  world.clock.advance(10_000);
  const calls = [world.call(unary())];
  await world.made(before + 1);
  calls.push(world.call(unary()));
  await world.made(before + 2);
  expect([world.asked[before].url, world.asked[before + 1].url], what).toEqual([`${A}/p.S/M`, `${B}/p.S/M`]);
  for (let i = before; i < before + 2; i++) world.asked[i].answer(answered());
  for (const call of calls) await (await call).text();
}
