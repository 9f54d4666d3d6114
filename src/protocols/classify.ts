import type { Head } from "../http2/receiver.ts";
import { type ProtocolName, readContentType } from "./codec.ts";
import { readGetCodec } from "./query.ts";
import { parseConnectTimeout, parseTimeout } from "./timeout.ts";

/** What a request is, read once from its head and remembered on it. */
export interface Request {
  /** `other`: nothing that this port speaks; see refusal.ts. */
  readonly protocol: ProtocolName | "other";
  /** `proto`, `json`, ...; empty for gRPC without a suffix. */
  readonly codec: string;
  /** `/package.Service/Method`, without a query. */
  readonly path: string;
  /** What follows `?`; empty without one. */
  readonly query: string;
  readonly service: string;
  /** This and the service are empty when the path is not that of a call. */
  readonly method: string;
  readonly authority: string;
  /** Milliseconds that the client gives the call; Infinity without a limit, NaN when what it said is malformed. */
  readonly timeout: number;
  readonly contentType: string;
  readonly httpMethod: string;
  /** `accept`, for the form of a gRPC-Web answer. */
  readonly accept: string;
  /** The body's or the messages' coding as the client names it; empty for none. Not read for gRPC, which is spliced. */
  readonly coding: string;
  /** `connect-protocol-version`; empty when absent. */
  readonly version: string;
  readonly origin: string;
  /** The body's length as `content-length` announces it; -1 when it does not. */
  readonly announced: number;
  /** What goes to the pod in gRPC's form; made by whoever needs it first. */
  upstream: Head | null;
  /** Where the answer of the router is kept when it cannot change: see create-gateway.ts. */
  route: unknown;
}

/**
 * gRPC PROTOCOL-HTTP2, Requests: `Path → ":path" "/" Service-Name "/" {method name}`, and before them maybe the prefix where a
 * pod has mounted its services. Names of services and methods need nothing but letters, digits, `_` and dots. What a pod could
 * read in another way than the routes do is no path of a call: percent-encoding (`/a.B%2FC`), empty segments and those of
 * dots (`/a.B/../c.D/E`), backslashes.
 */
const legalPath = /^\/[\w.~!$&'()*+,;=:@/-]+$/;
const emptyOrDots = /\/\.{0,2}(?:\/|$)/;

/** In two steps that are linear: a client chooses the path. */
function isCallPath(path: string): boolean {
  return legalPath.test(path) && path.lastIndexOf("/") > 0 && !emptyOrDots.test(path);
}

/** The request that a head begins. */
export function classify(head: Head): Request {
  const known = head.memo;
  if (known !== undefined) return known as Request;
  const request = read(head);
  head.memo = request;
  return request;
}

function read(head: Head): Request {
  const { fields } = head;
  let target = "";
  let authority = "";
  let contentType = "";
  let httpMethod = "";
  let accept = "";
  let version = "";
  let origin = "";
  let contentEncoding = "";
  let connectEncoding = "";
  let grpcEncoding = "";
  let grpcTimeout: string | undefined;
  let connectTimeout: string | undefined;
  let announced = -1;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1];
    switch (fields[i]) {
      case ":method":
        httpMethod = value;
        break;
      case ":path":
        target = value;
        break;
      case ":authority":
        authority = value;
        break;
      case "host":
        if (authority === "") authority = value;
        break;
      case "content-type":
        contentType = value;
        break;
      case "accept":
        accept = value;
        break;
      case "content-encoding":
        contentEncoding = value;
        break;
      case "connect-content-encoding":
        connectEncoding = value;
        break;
      case "connect-protocol-version":
        version = value;
        break;
      case "grpc-encoding":
        grpcEncoding = value;
        break;
      case "grpc-timeout":
        grpcTimeout = value;
        break;
      case "connect-timeout-ms":
        connectTimeout = value;
        break;
      case "origin":
        origin = value;
        break;
      case "content-length":
        announced = Number(value);
        break;
    }
  }
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? "" : target.slice(question + 1);
  const { protocol, codec } = readProtocol(httpMethod, contentType, query);
  const connect = protocol.startsWith("connect");
  const slash = isCallPath(path) ? path.lastIndexOf("/") : path.length;
  return {
    protocol,
    codec,
    path,
    query,
    service: slash < path.length ? path.slice(1, slash) : "",
    method: path.slice(slash + 1),
    authority,
    timeout: connect ? parseConnectTimeout(connectTimeout) : parseTimeout(grpcTimeout),
    contentType,
    httpMethod,
    accept,
    coding: codingOf(protocol, contentEncoding, connectEncoding, grpcEncoding).trim().toLowerCase(),
    version,
    origin,
    announced,
    upstream: null,
    route: undefined,
  };
}

function codingOf(protocol: Request["protocol"], content: string, connect: string, grpc: string): string {
  switch (protocol) {
    case "connect-stream":
      return connect;
    case "connect-unary":
    case "connect-get":
      return content;
    case "grpc-web":
    case "grpc-web-text":
      return grpc;
    default:
      return "";
  }
}

function readProtocol(
  httpMethod: string,
  contentType: string,
  query: string,
): { readonly protocol: Request["protocol"]; readonly codec: string } {
  if (httpMethod === "GET") {
    const codec = readGetCodec(query);
    return codec === null ? { protocol: "other", codec: "" } : { protocol: "connect-get", codec };
  }
  if (httpMethod !== "POST") return { protocol: "other", codec: "" };
  return readContentType(contentType) ?? { protocol: "other", codec: "" };
}
