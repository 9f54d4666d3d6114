import { type Request as Call, classify } from "../../protocols/classify.ts";
import { listsMethod } from "../../protocols/connect-get.ts";
import { goneAnswer, requestHead } from "../../protocols/fetch.ts";
import { Status } from "../../protocols/status.ts";
import { LONGEST_TIMER_MS } from "../../protocols/timeout.ts";
import type { Clock, Random } from "../../runtime/machine.ts";
import type { Engine } from "../fetch-handler.ts";
import { errorAnswer, preflight, refuse, withCors } from "./answers.ts";
import { type ChainConfig, type ChainSettings, chainSettings } from "./chain-config.ts";
import { type Chained, chained } from "./chained.ts";
import { type Ingress, Ingresses } from "./ingresses.ts";
import { passOn } from "./pass-on.ts";
import { type Outcome, race } from "./race.ts";
import { ReplayableBody } from "./replayable-body.ts";

/**
 * Ends a stream whose deadline has passed so much later than the ingress ought to have done it: that one's own end, with a
 * status, is worth waiting for.
 */
const GRACE_MS = 1_000;

export interface ChainParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: typeof fetch;
}

/** @throws (rejects) when the configuration is wrong */
export async function startChain(config: ChainConfig, parts: ChainParts): Promise<Engine> {
  const settings = chainSettings(config);
  const ingresses = new Ingresses(settings.ingresses, parts.clock, parts.random);
  return {
    fetch: (request) => handle(request, settings, ingresses, parts),
    close: async () => {},
    cors: settings.cors,
    view: null,
  };
}

async function handle(
  request: Request,
  settings: ChainSettings,
  ingresses: Ingresses,
  parts: ChainParts,
): Promise<Response> {
  const { cors } = settings;
  const head = requestHead(request);
  const call = classify(head);
  const asked = cors === null ? null : preflight(request, call, head, cors);
  if (asked !== null) return asked;
  // A preflight that the ingress answers is no call and goes on all the same.
  const options = call.httpMethod === "OPTIONS" && cors === null;
  const refused = options ? null : refuse(request, call, parts.clock);
  const response = await (refused ?? answer(request, call, settings, ingresses, parts));
  if (cors === null) return response;
  const { body, status } = response;
  return new Response(body, { status, headers: withCors(response.headers, cors, call.origin) });
}

async function answer(
  request: Request,
  call: Call,
  settings: ChainSettings,
  ingresses: Ingresses,
  parts: ChainParts,
): Promise<Response> {
  const { clock } = parts;
  if (request.signal.aborted) return goneAnswer();
  const timeout = Math.min(call.timeout, settings.maxTimeout);
  const expiresAt = clock.now() + timeout;
  const body = new ReplayableBody(request, settings.retryBuffer);
  if (Number.isNaN(call.timeout)) {
    const message = "downstream head: the timeout is malformed";
    return endingAfter(await errorAnswer(request, call, Status.INVALID_ARGUMENT, message), request.signal, body, clock);
  }
  const unary = call.protocol === "connect-unary" || call.protocol === "connect-get";
  const gone = new AbortController();
  const leave = (): void => gone.abort(new Error("the client went away"));
  request.signal.addEventListener("abort", leave);
  const expire = (): void => gone.abort(new DOMException("deadline exceeded", "TimeoutError"));
  let timer = timeout + GRACE_MS < LONGEST_TIMER_MS ? clock.timer(expire, timeout) : null;
  const over = (): void => {
    timer?.cancel();
    request.signal.removeEventListener("abort", leave);
  };
  const left = (): void => {
    over();
    body.cancel();
  };
  const ended = (): Promise<void> => {
    over();
    return body.finish(clock);
  };

  // Streams are passed on as they come, unless the client has said that it has everything already.
  if (unary || Number(request.headers.get("content-length") ?? Number.NaN) <= settings.retryBuffer)
    await Promise.race([body.buffer().catch(() => {}), aborted(gone.signal)]);
  let outcome: Outcome<Chained> = { kind: "failed", message: "cancelled", repeatable: false };
  if (!gone.signal.aborted && !body.broken) {
    const safe = call.protocol === "connect-get" || listsMethod(settings.safe, call);
    const hedged = unary && safe && body.whole ? settings.hedgeAfter : null;
    const attempt = { request, call, body, safe, gone: gone.signal, expiresAt, ingresses, ended, left, ...parts };
    outcome = await race<Ingress, Chained>((ingress) => chained(ingress, attempt), ingresses.order(), hedged, clock);
  }
  if (outcome.kind === "answer") {
    if (timer !== null) {
      timer.cancel();
      timer = clock.timer(expire, expiresAt + GRACE_MS - clock.now());
    }
    return outcome.answer.take();
  }
  const late = clock.now() >= expiresAt || isTimeout(gone.signal.reason);
  if (body.broken || (gone.signal.aborted && !late)) {
    left();
    return goneAnswer();
  }
  over();
  const error = late
    ? await errorAnswer(request, call, Status.DEADLINE_EXCEEDED, `deadline exceeded after ${Math.round(timeout)} ms`)
    : await errorAnswer(request, call, Status.UNAVAILABLE, `upstream chain, ${outcome.message}`);
  return endingAfter(error, request.signal, body, clock);
}

/** An answer whose client has time to send the rest of its request. */
function endingAfter(answer: Response, signal: AbortSignal, body: ReplayableBody, clock: Clock): Response {
  const { status, headers } = answer;
  if (answer.body === null) return answer;
  const passed = passOn(answer.body, signal, { ended: () => body.finish(clock), left: () => body.cancel() });
  return new Response(passed, { status, headers });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === "TimeoutError";
}
