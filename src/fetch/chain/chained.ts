import type { Request as Call } from "../../protocols/classify.ts";
import type { Clock } from "../../runtime/machine.ts";
import { intermediary, isConnectFailure, reasonOf } from "./failures.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import type { Ingress, Ingresses } from "./ingresses.ts";
import type { Attempt, Outcome } from "./race.ts";
import type { ReplayableBody } from "./replayable-body.ts";

/** What the attempts of one call share. */
export interface Chain {
  readonly request: Request;
  readonly call: Call;
  readonly body: ReplayableBody;
  /** The call may be made twice. */
  readonly safe: boolean;
  /** Aborted when the client is gone or the deadline has passed. */
  readonly gone: AbortSignal;
  /** On the clock. */
  readonly expiresAt: number;
  readonly ingresses: Ingresses;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  /** The call has ended; called once, by whoever took the answer. */
  readonly over: () => void;
}

/** An ingress's answer. */
export interface Chained {
  /** For the client; whoever takes it has to read or cancel it. */
  take(): Response;
}

/** One attempt: the call goes on to this ingress. It is counted until its answer has ended, failed or been cancelled. */
export function chained(ingress: Ingress, chain: Chain): Attempt<Chained> {
  const stop = new AbortController();
  const forward = (): void => stop.abort(chain.gone.reason);
  if (chain.gone.aborted) forward();
  chain.gone.addEventListener("abort", forward);
  let counted = true;
  ingress.outstanding++;
  const done = (): void => {
    if (!counted) return;
    counted = false;
    ingress.outstanding--;
    chain.gone.removeEventListener("abort", forward);
  };
  const outcome = ask(ingress, chain, stop, done);
  void outcome.then(({ kind }) => {
    if (kind === "failed") done();
  });
  return {
    outcome,
    abandon: () => {
      done();
      stop.abort(new Error("another ingress has answered"));
    },
  };
}

async function ask(ingress: Ingress, chain: Chain, stop: AbortController, done: () => void): Promise<Outcome<Chained>> {
  const { request, call, body, safe, clock, expiresAt, ingresses } = chain;
  let response: Response;
  try {
    const sent = body.open();
    const left = expiresAt === Number.POSITIVE_INFINITY ? expiresAt : Math.max(expiresAt - clock.now(), 1e-3);
    const init: RequestInit & { duplex?: "half" } = {
      method: request.method,
      headers: requestHeaders(request, call, left),
      body: sent,
      redirect: "manual",
      signal: stop.signal,
    };
    // Fetch standard: a request with a stream for a body has to say so.
    if (sent instanceof ReadableStream) init.duplex = "half";
    response = await chain.fetch(`${ingress.url}${pathOf(request.url)}`, init);
  } catch (error) {
    if (stop.signal.aborted) return { kind: "failed", message: "cancelled", repeatable: false };
    ingresses.avoid(ingress);
    const repeatable = (safe || isConnectFailure(error)) && body.repeatable;
    return { kind: "failed", message: `${ingress.url}: ${reasonOf(error)}`, repeatable };
  }
  const verdict = intermediary(response.status, response.headers.get("content-type") ?? "");
  if (verdict !== null) {
    response.body?.cancel().catch(() => {});
    ingresses.avoid(ingress);
    const repeatable = (safe || verdict === "unprocessed") && body.repeatable;
    return { kind: "failed", message: `${ingress.url}: HTTP status ${response.status}`, repeatable };
  }
  ingresses.answered(ingress);
  return { kind: "answer", answer: { take: () => passedOn(response, chain, stop, done) } };
}

function pathOf(url: string): string {
  return url.slice(url.indexOf("/", url.indexOf("//") + 2));
}

/** The answer, read only as the client reads, and its end told. */
function passedOn(response: Response, chain: Chain, stop: AbortController, done: () => void): Response {
  const init = { status: response.status, headers: responseHeaders(response) };
  const end = (): void => {
    done();
    chain.over();
  };
  if (response.body === null) {
    end();
    return new Response(null, init);
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            controller.enqueue(value);
            return;
          }
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        end();
      },
      cancel: () => {
        end();
        stop.abort(new Error("the client went away"));
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, init);
}
