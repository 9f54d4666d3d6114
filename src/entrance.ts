import type { Backend } from "./balancing/backend.ts";
import type { CorsSettings, RouteSettings } from "./config/settings.ts";
import { Call, type CallParts } from "./gateway.ts";
import type { Head, Receiver } from "./http2/receiver.ts";
import type { BackendJson, Safety } from "./json/backend-json.ts";
import { Held } from "./json/held.ts";
import { classify, type Request } from "./protocols/classify.ts";
import { isKnownCoding, isUnaryCodec, SUPPORTED_CODINGS } from "./protocols/codec.ts";
import { listsMethod, readGetQuery } from "./protocols/connect-get.ts";
import { ConnectStreamRequest, ConnectStreamResponse } from "./protocols/connect-stream.ts";
import { ConnectUnaryRequest, ConnectUnaryResponse, tooLarge } from "./protocols/connect-unary.ts";
import { CorsResponse, isPreflight, preflightAnswer } from "./protocols/cors.ts";
import type { Downstream } from "./protocols/downstream.ts";
import { grpcUpstreamHead } from "./protocols/grpc.ts";
import { GrpcWebRequest, GrpcWebResponse } from "./protocols/grpc-web.ts";
import type { HeldMessages } from "./protocols/held-messages.ts";
import { innerHead } from "./protocols/inner-head.ts";
import {
  notOfACall,
  type PlainAnswer,
  Refusal,
  refusalOf,
  refusalOfCodec,
  refusalOfGet,
  refusalOfHttp1Grpc,
  refusalOfOverflow,
} from "./protocols/refusal.ts";
import type { RpcStatus } from "./protocols/rpc-error.ts";
import { Status, trailersOnly } from "./protocols/status.ts";
import { LONGEST_TIMER_MS } from "./protocols/timeout.ts";
import type { Clock, Timer } from "./runtime/machine.ts";

/** A call's backend, and the route that took it. */
export interface Routed {
  readonly backend: Backend;
  readonly route: RouteSettings;
  readonly json: BackendJson;
}

/** What the entrance needs of the gateway. */
export interface EntranceParts extends CallParts {
  readonly clock: Clock;
  readonly held: HeldMessages;
  /** Null when no route takes the call. */
  route(request: Request, head: Head): Routed | null;
}

/** How long a client that is refused may take to end its request before it is answered. */
const REFUSAL_PATIENCE_MS = 1_000;

/** Takes what still comes of a request that has been answered. */
const nobody: Receiver = { head() {}, data() {}, end() {}, abort() {} };

/**
 * Where every request begins: what it is, where it goes, and which stages stand around its call. gRPC gets none: its stream
 * and the call are connected directly.
 * @param cors the listener's settings
 * @param overflow the limit that the header list exceeded
 */
export function enter(
  parts: EntranceParts,
  cors: CorsSettings | null,
  downstream: Downstream,
  head: Head,
  overflow: "" | "bytes" | "fields",
): Receiver {
  const request = classify(head);
  if (request.protocol === "grpc" && overflow === "") return enterGrpc(parts, downstream, request, head);
  const taken = parts.route(request, head);
  const routed = request.method === "" ? null : taken;
  const policy = taken?.route.cors ?? cors;
  if (isPreflight(request, head)) return preflight(policy, request, downstream);
  const lost = overflow !== "" && request.origin === "";
  const to = policy === null ? downstream : new CorsResponse(downstream, policy, request.origin, lost);
  if (overflow !== "") return refuse(parts, refusalOfOverflow(overflow), request, to);
  switch (request.protocol) {
    case "grpc":
    case "other":
      return refuse(
        parts,
        refusalOf(request, routed !== null && listsMethod(routed.route.connectGet, request)),
        request,
        to,
      );
    case "grpc-web":
    case "grpc-web-text":
      return enterGrpcWeb(parts, to, request, head, routed);
    case "connect-stream":
      return enterConnectStream(parts, to, request, head, routed);
    case "connect-unary":
      return enterConnectUnary(parts, to, request, head, routed, null);
    case "connect-get":
      return enterConnectGet(parts, to, request, head, routed);
  }
}

/** The same for HTTP/1.1, which has no trailers that clients see: gRPC is refused, every other protocol does without them. */
export function enterHttp1(
  parts: EntranceParts,
  cors: CorsSettings | null,
  downstream: Downstream,
  head: Head,
  overflow: "" | "bytes" | "fields",
): Receiver {
  const request = classify(head);
  if (request.protocol !== "grpc") return enter(parts, cors, downstream, head, overflow);
  const policy = parts.route(request, head)?.route.cors ?? cors;
  const to = policy === null ? downstream : new CorsResponse(downstream, policy, request.origin);
  return refuse(parts, refusalOfHttp1Grpc, request, to);
}

function enterGrpc(parts: EntranceParts, downstream: Downstream, request: Request, head: Head): Receiver {
  const routed = request.method === "" ? null : parts.route(request, head);
  if (routed === null) {
    downstream.head(trailersOnly(Status.UNIMPLEMENTED, unrouted(request), request.contentType));
    downstream.end(null);
    return nobody;
  }
  // The one question that a splice is asked about JSON.
  const json = request.codec === "json" ? routed.json : null;
  const refused = json?.refusal(request) ?? null;
  if (refused !== null) {
    downstream.head(trailersOnly(Status.UNIMPLEMENTED, refused, request.contentType));
    downstream.end(null);
    return nobody;
  }
  request.upstream ??= grpcUpstreamHead(head);
  return new Call(parts, downstream, request, routed.backend, json === null ? null : json.stages(request));
}

function enterGrpcWeb(
  parts: EntranceParts,
  to: Downstream,
  request: Request,
  head: Head,
  routed: Routed | null,
): Receiver {
  const response = new GrpcWebResponse(request, to);
  const refused = routed === null ? unrouted(request) : (unknownCoding(request) ?? routed.json.refusal(request));
  if (routed === null || refused !== null) {
    response.fail(Status.UNIMPLEMENTED, refused ?? "");
    return nobody;
  }
  request.upstream ??= innerHead(request, head);
  const call = new Call(parts, response, request, routed.backend, routed.json.stages(request));
  response.call = call;
  return new GrpcWebRequest(request, request.upstream, call, response, routed.backend.settings.maxMessageBytes);
}

function enterConnectStream(
  parts: EntranceParts,
  to: Downstream,
  request: Request,
  head: Head,
  routed: Routed | null,
): Receiver {
  const stages = routed?.json.stages(request) ?? null;
  const response = new ConnectStreamResponse(request, to, stages?.debug);
  const problem = connectProblem(request, routed);
  if (routed === null || problem !== null) {
    response.fail(problem ?? { code: Status.UNIMPLEMENTED, message: unrouted(request), details: [] });
    return nobody;
  }
  request.upstream ??= innerHead(request, head);
  const call = new Call(parts, response, request, routed.backend, stages);
  response.call = call;
  return new ConnectStreamRequest(request, request.upstream, call, response, routed.backend.settings.maxMessageBytes);
}

function enterConnectUnary(
  parts: EntranceParts,
  to: Downstream,
  request: Request,
  head: Head,
  routed: Routed | null,
  message: Uint8Array | null,
  guarded = false,
): Receiver {
  const max = routed === null ? 0 : routed.backend.settings.maxMessageBytes;
  const inner = routed?.json.stages(request) ?? null;
  const stages = guarded && routed !== null ? routed.json.guard(request, inner) : inner;
  const response = new ConnectUnaryResponse(request, to, max, stages?.debug);
  const problem = connectProblem(request, routed);
  if (routed === null || problem !== null) {
    response.fail(problem ?? { code: Status.UNIMPLEMENTED, message: unrouted(request), details: [] });
    return nobody;
  }
  // Said before the client sends it, and before a pod hears of it.
  if (message === null && request.announced > max) {
    response.fail({ code: Status.RESOURCE_EXHAUSTED, message: tooLarge(max), details: [] });
    return nobody;
  }
  request.upstream ??= innerHead(request, head);
  const call = new Call(parts, response, request, routed.backend, stages);
  response.call = call;
  return new ConnectUnaryRequest(request, request.upstream, call, response, max, parts.held, message);
}

/** The route lists the methods that may be called by GET, or their schema says that they have no side effects. */
function enterConnectGet(
  parts: EntranceParts,
  to: Downstream,
  request: Request,
  head: Head,
  routed: Routed | null,
): Receiver {
  if (routed === null) return enterConnectUnary(parts, to, request, head, null, null);
  if (!isUnaryCodec(request.codec)) return refuse(parts, refusalOfCodec(request), request, to);
  // A timeout that is malformed or over is the call's to refuse, before a pod is asked anything.
  const hopeless = !(request.timeout > 0);
  if (hopeless || listsMethod(routed.route.connectGet, request))
    return enterSafeGet(parts, to, request, head, routed, false);
  const gone = new AbortController();
  const safety = routed.json.safety(request, gone.signal);
  if (!(safety instanceof Promise)) return enterGetOf(safety, parts, to, request, head, routed);
  // A pod is asked for its schema meanwhile, which is time of the call.
  const { clock } = parts;
  const since = clock.now();
  const limit = Math.min(request.timeout, routed.backend.settings.maxTimeout ?? Number.POSITIVE_INFINITY);
  let timer: Timer | null = null;
  const leave = (): void => {
    timer?.cancel();
    gone.abort();
  };
  const held = new Held(to, leave);
  if (limit < LONGEST_TIMER_MS) {
    timer = clock.timer(() => {
      leave();
      const message = "deadline exceeded while a pod was asked for its schema";
      new ConnectUnaryResponse(request, to, 0).fail({ code: Status.DEADLINE_EXCEEDED, message, details: [] });
      held.release(nobody);
    }, Math.ceil(limit));
  }
  void safety.then((safety) => {
    if (gone.signal.aborted) return;
    timer?.cancel();
    const timeout = request.timeout - (clock.now() - since);
    held.release(enterGetOf(safety, parts, to, { ...request, timeout, upstream: null }, head, routed));
  });
  return held;
}

function enterGetOf(
  safety: Safety,
  parts: EntranceParts,
  to: Downstream,
  request: Request,
  head: Head,
  routed: Routed,
): Receiver {
  if ("error" in safety) {
    const message = `upstream schema, ${safety.error}`;
    new ConnectUnaryResponse(request, to, 0).fail({ code: Status.UNAVAILABLE, message, details: [] });
    return nobody;
  }
  if (!safety.safe) return refuse(parts, refusalOfGet(request), request, to);
  return enterSafeGet(parts, to, request, head, routed, true);
}

/** @param guarded the schema allows it, and not the route: each pod's own has to */
function enterSafeGet(
  parts: EntranceParts,
  to: Downstream,
  request: Request,
  head: Head,
  routed: Routed,
  guarded: boolean,
): Receiver {
  const query = readGetQuery(request.query);
  if ("error" in query) {
    new ConnectUnaryResponse(request, to, 0).fail({ code: query.code, message: query.error, details: [] });
    return nobody;
  }
  const { message, coding, version } = query.value;
  // Two GETs with different queries are different requests, so nothing of one is remembered for another.
  return enterConnectUnary(parts, to, { ...request, coding, version, upstream: null }, head, routed, message, guarded);
}

/** Said before a pod is bothered. */
function unknownCoding({ coding }: Request): string | null {
  if (coding === "" || isKnownCoding(coding)) return null;
  return `unknown compression "${coding.slice(0, 50)}": supported are ${SUPPORTED_CODINGS}`;
}

/** What is wrong with a Connect request's head; null when nothing is. */
function connectProblem(request: Request, routed: Routed | null): RpcStatus | null {
  const { version } = request;
  const demanded = routed?.route.requireConnectProtocolVersion === true;
  if (version === "" ? demanded : version !== "1") {
    const got = version === "" ? "is missing" : `is "${version.slice(0, 20)}"`;
    return {
      code: Status.INVALID_ARGUMENT,
      message: `connect-protocol-version ${got}; this gateway takes "1"`,
      details: [],
    };
  }
  const refused = unknownCoding(request) ?? routed?.json.refusal(request) ?? null;
  return refused === null ? null : { code: Status.UNIMPLEMENTED, message: refused, details: [] };
}

function preflight(cors: CorsSettings | null, request: Request, to: Downstream): Receiver {
  to.head(preflightAnswer(cors, request.origin));
  to.end(null);
  return nobody;
}

function refuse(parts: EntranceParts, answer: PlainAnswer, request: Request, to: Downstream): Receiver {
  const refusal = new Refusal(answer, request.httpMethod, to);
  refusal.timer = parts.clock.timer(() => refusal.expire(), REFUSAL_PATIENCE_MS);
  return refusal;
}

function unrouted(request: Request): string {
  if (request.method === "") return notOfACall(request);
  // Cut, because a client gets this for a few bytes: names in its dynamic table cost it one each.
  return `routing: no route takes ${request.path.slice(0, 200)} for authority ${request.authority.slice(0, 200)}`;
}
