import type { ChainOptions } from "../../../src/fetch/chain/chain-config.ts";
import { type ChainParts, startChain } from "../../../src/fetch/chain/chain-engine.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** One request that the chain has made. */
export interface Asked {
  readonly url: string;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | Uint8Array | null;
  readonly signal: AbortSignal;
  answer(response: Response): void;
  fail(error: Error): void;
}

export interface World {
  readonly clock: FakeClock;
  /** In the order in which they were made. */
  readonly asked: readonly Asked[];
  /** How long its timers were to run, milliseconds. */
  delays(): readonly number[];
  /** Resolves when so many have been made. */
  made(count: number): Promise<void>;
  call(request: Request): Promise<Response>;
}

export const A = "https://a.example";
export const B = "https://b.example";
export const C = "https://c.example";

/** A chain whose `fetch` is the test's. Equals are asked in the order of the configuration. */
export async function createWorld(options: Partial<ChainOptions> = {}): Promise<World> {
  const clock = new FakeClock();
  const asked: Asked[] = [];
  let waiters: (() => void)[] = [];
  const fake = ((url: string, init: RequestInit) =>
    new Promise<Response>((answer, fail) => {
      const signal = init.signal as AbortSignal;
      signal.addEventListener("abort", () => fail(signal.reason));
      if (signal.aborted) fail(signal.reason);
      asked.push({
        url,
        headers: init.headers as Headers,
        body: (init.body ?? null) as Asked["body"],
        signal,
        answer,
        fail,
      });
      for (const waiter of waiters) waiter();
    })) as typeof fetch;
  let draws = 0;
  const delays: number[] = [];
  const timed = { now: () => clock.now(), wall: () => clock.wall() };
  const timer: FakeClock["timer"] = (run, ms) => {
    delays.push(ms);
    return clock.timer(run, ms);
  };
  const parts: ChainParts = { clock: { ...timed, timer }, random: () => ++draws / 1e6, fetch: fake };
  const engine = await startChain({ chain: { ingresses: [A, B], ...options } }, parts);
  return {
    clock,
    asked,
    delays: () => delays,
    made: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (asked.length >= count) resolve();
        };
        waiters = [...waiters, look];
        look();
      }),
    call: (request) => engine.fetch(request, ""),
  };
}

export function unary(init: RequestInit = {}, path = "/p.S/M"): Request {
  const { headers, ...rest } = init;
  return new Request(`https://edge.example${path}`, {
    method: "POST",
    body: new Uint8Array([1, 2, 3]),
    ...rest,
    headers: { "content-type": "application/proto", ...(headers as Record<string, string> | undefined) },
  });
}

export function answered(body = "ok", headers: Record<string, string> = {}): Response {
  return new Response(body, { headers: { "content-type": "application/proto", ...headers } });
}

export function refused(): Error {
  return new TypeError("fetch failed", {
    cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
  });
}
