import { type Request as Call, classify } from "../../protocols/classify.ts";
import { listsMethod } from "../../protocols/connect-get.ts";
import { requestHead } from "../../protocols/fetch.ts";
import { Status } from "../../protocols/status.ts";
import type { Clock, Random } from "../../runtime/machine.ts";
import type { Engine } from "../fetch-handler.ts";
import { errorAnswer, preflight, refuse, withCors } from "./answers.ts";
import { type ChainConfig, type ChainSettings, chainSettings } from "./chain-config.ts";
import { type Chained, chained } from "./chained.ts";
import { Ingresses } from "./ingresses.ts";
import { race } from "./race.ts";
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
  const refused = options ? null : refuse(request, call);
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
  if (Number.isNaN(call.timeout)) {
    return errorAnswer(request, call, Status.INVALID_ARGUMENT, "downstream head: the timeout is malformed");
  }
  const timeout = Math.min(call.timeout, settings.maxTimeout);
  const expiresAt = clock.now() + timeout;
  const body = new ReplayableBody(request.body, settings.retryBuffer);
  const unary = call.protocol === "connect-unary" || call.protocol === "connect-get";
  const gone = new AbortController();
  const leave = (): void => gone.abort(new Error("the client went away"));
  request.signal.addEventListener("abort", leave);
  const expire = (): void => gone.abort(new DOMException("deadline exceeded", "TimeoutError"));
  let timer = timeout === Number.POSITIVE_INFINITY ? null : clock.timer(expire, timeout);
  const over = (): void => {
    timer?.cancel();
    request.signal.removeEventListener("abort", leave);
    body.cancel();
  };

  try {
    // Streams are passed on as they come, unless the client has said that it has everything already.
    if (unary || Number(request.headers.get("content-length") ?? Number.NaN) <= settings.retryBuffer)
      await body.buffer();
  } catch {
    over();
    return new Response(null, { status: 499 });
  }
  const safe = call.protocol === "connect-get" || listsMethod(settings.safe, call);
  const hedged = unary && safe && body.whole ? settings.hedgeAfter : null;
  const attempt = { request, call, body, safe, gone: gone.signal, expiresAt, ingresses, over, ...parts };
  const outcome = await race<(typeof ingresses.all)[number], Chained>(
    (ingress) => chained(ingress, attempt),
    ingresses.order(),
    hedged,
    clock,
  );
  if (outcome.kind === "answer") {
    if (timer !== null) {
      timer.cancel();
      timer = clock.timer(expire, expiresAt + GRACE_MS - clock.now());
    }
    return outcome.answer.take();
  }
  over();
  if (clock.now() >= expiresAt || isTimeout(gone.signal.reason)) {
    return errorAnswer(request, call, Status.DEADLINE_EXCEEDED, `deadline exceeded after ${Math.round(timeout)} ms`);
  }
  // Nobody reads what is answered now.
  if (gone.signal.aborted) return new Response(null, { status: 499 });
  return errorAnswer(request, call, Status.UNAVAILABLE, `upstream chain, ${outcome.message}`);
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === "TimeoutError";
}
