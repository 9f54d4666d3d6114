import type { Request as Call } from "../../protocols/classify.ts";
import type { Clock } from "../../runtime/machine.ts";
import { intermediary, isConnectFailure, reasonOf } from "./failures.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import type { Ingress, Ingresses } from "./ingresses.ts";
import { passOn } from "./pass-on.ts";
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
  /** The answer has ended; resolves when its client may see that. This or `left` is called once, by whoever took the answer. */
  readonly ended: () => Promise<void>;
  /** The answer broke, or nobody wants it any more. */
  readonly left: () => void;
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
  const failed = (message: string, repeatable: boolean): Outcome<Chained> => ({ kind: "failed", message, repeatable });
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
    // A client that breaks off is no strike against the ingress.
    if (stop.signal.aborted || body.broken) return failed("cancelled", false);
    ingresses.avoid(ingress);
    return failed(`${ingress.url}: ${reasonOf(error)}`, (safe || isConnectFailure(error)) && body.repeatable);
  }
  const verdict = intermediary(call.protocol, response.status, response.headers.get("content-type") ?? "");
  if (verdict !== null) {
    response.body?.cancel().catch(() => {});
    ingresses.avoid(ingress);
    const repeatable = (safe || verdict === "unprocessed") && body.repeatable;
    return failed(`${ingress.url}: ${said(response)}`, repeatable);
  }
  ingresses.answered(ingress);
  return { kind: "answer", answer: { take: () => passedOn(response, chain, stop, done) } };
}

function said({ status, headers }: Response): string {
  // Fetch standard: a redirect that is not to be followed may be shown as an answer of the status 0.
  if (status === 0) return "a redirect";
  return status >= 300
    ? `HTTP status ${status}`
    : `HTTP status ${status}, content-type ${headers.get("content-type") ?? "missing"}`;
}

function pathOf(url: string): string {
  return url.slice(url.indexOf("/", url.indexOf("//") + 2));
}

/** The answer, with its end told. */
function passedOn(response: Response, chain: Chain, stop: AbortController, done: () => void): Response {
  const init = { status: response.status, headers: responseHeaders(response) };
  if (response.body === null) {
    done();
    void chain.ended();
    return new Response(null, init);
  }
  const body = passOn(response.body, stop.signal, {
    ended: () => {
      done();
      return chain.ended();
    },
    left: (reason) => {
      done();
      chain.left();
      stop.abort(reason);
    },
  });
  return new Response(body, init);
}
