/** `fairlead/transport`: gRPC to the least busy pod, from a TypeScript service itself. */
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { validateReadWriteMaxBytes } from "@connectrpc/connect/protocol";
import { createTransport as createGrpcTransport } from "@connectrpc/connect/protocol-grpc";
import type { BackendView } from "../admin/view.ts";
import { labelOf } from "../balancing/endpoint.ts";
import type { Target } from "../config/settings.ts";
import { parseTarget } from "../discovery/target.ts";
import { createClientMachine } from "../runtime/client-machine.ts";
import { compressionBrotli, compressionGzip } from "../runtime/compression.ts";
import { guardedLog } from "../runtime/guarded-log.ts";
import { silentLog } from "../runtime/silent-log.ts";
import { Channel } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import { backendSettings, type TransportOptions } from "./options.ts";
import { wholeTimeout } from "./timeout.ts";

export type { BackendView, EndpointView } from "../admin/view.ts";
export type { DialTls, Log, LogFields } from "../runtime/machine.ts";
export type { TransportDns, TransportOptions } from "./options.ts";

/** A Connect transport over the pods of one target, with what it holds open. */
export interface BalancingTransport extends Transport {
  /**
   * Finds the pods and connects to them ahead of the first call, which would do it otherwise. Resolves when one is ready.
   * @throws (rejects) ConnectError `unavailable` when there is none: the name cannot be resolved, or no pod takes a connection
   */
  connect(): Promise<void>;
  /** The pods, with their outstanding calls, and what has become of calls so far. */
  view(): BackendView;
  /**
   * Takes no new calls, and closes when the open ones have ended. A stream that was left by `break` has not: Connect's clients do not tell
   * their transport of it. Abort the call's signal instead.
   */
  drain(): Promise<void>;
  /** Ends open calls with `unavailable`, and resolves when no connection is open. A transport does not keep the process alive without calls. */
  close(): Promise<void>;
}

/**
 * A Connect transport that finds a service's pods by DNS, keeps the list fresh, and sends every call to the pod with the fewest
 * outstanding ones: for headless Services. The pods speak gRPC. Nothing is opened before the first call, or `connect`.
 *
 * ```ts
 * const client = createClient(ElizaService, createTransport({ target: "dns:///eliza:50051" }));
 * ```
 *
 * Calls fail as those of every transport, with a `ConnectError`. `unavailable` with a message that begins with `upstream pick`
 * means that no pod could be reached.
 * @throws RangeError when an option is out of its bounds; TypeError when `log` is no log; Error when the target cannot be read. All
 * say what would be right.
 */
export function createTransport(options: TransportOptions): BalancingTransport {
  checkOptions(options);
  const { tls = null } = options;
  const parsed = parseTarget(options.target, tls === null ? 80 : 443);
  if ("error" in parsed) throw new Error(`transport: ${parsed.error}`);
  const target = parsed.value;
  const authority = options.authority ?? authorityOf(target);
  const channel = new Channel({
    settings: backendSettings(options),
    target,
    // Pods are dialled by address, and show a certificate for the Service's name.
    tls: tls !== null && target.kind === "dns" ? { ...tls, serverName: tls.serverName ?? target.host } : tls,
    authority,
    machine: options.machine ?? createClientMachine(),
    log: options.log === undefined ? silentLog : guardedLog(options.log),
  });
  const { jsonOptions, binaryOptions } = options;
  const defaultTimeoutMs = wholeTimeout(options.defaultTimeoutMs);
  const transport = createGrpcTransport({
    httpClient: (request) => channel.request(request),
    baseUrl: `${tls === null ? "http" : "https"}://${authority}`,
    useBinaryFormat: options.useBinaryFormat ?? true,
    interceptors: [...(options.interceptors ?? [])],
    acceptCompression: [...(options.acceptCompression ?? [compressionGzip, compressionBrotli])],
    sendCompression: options.sendCompression ?? null,
    ...validateReadWriteMaxBytes(options.readMaxBytes, options.writeMaxBytes, options.compressMinBytes),
    ...(jsonOptions === undefined ? {} : { jsonOptions }),
    ...(binaryOptions === undefined ? {} : { binaryOptions }),
    ...(defaultTimeoutMs === undefined ? {} : { defaultTimeoutMs }),
  });
  return {
    unary: (method, signal, timeoutMs, header, input, contextValues) =>
      transport.unary(method, signal, wholeTimeout(timeoutMs), header, input, contextValues),
    stream: async (method, signal, timeoutMs, header, input, contextValues) => {
      const timeout = wholeTimeout(timeoutMs);
      const response = await transport.stream(method, signal, timeout, header, input, contextValues);
      return signal === undefined ? response : { ...response, message: untilAborted(response.message, signal) };
    },
    connect: () => channel.ready(),
    view: () => channel.view(),
    drain: () => channel.drain(),
    close: () => channel.close(),
  };
}

/** Messages that came together with one that was read before the application cancelled are none of its any more. */
function untilAborted<T>(messages: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => {
      const inner = messages[Symbol.asyncIterator]();
      return {
        next: () => (signal.aborted ? Promise.reject(ConnectError.from(signal.reason, Code.Canceled)) : inner.next()),
      };
    },
  };
}

/** As gRPC's clients do it (grpc/doc/naming.md): the name that was asked for, not the pod that it led to. */
function authorityOf(target: Target): string {
  switch (target.kind) {
    case "dns":
      return `${target.host}:${target.port}`;
    case "srv":
      return target.name;
    case "static": {
      const [first] = target.addresses;
      return first.kind === "unix" ? "localhost" : labelOf(first);
    }
  }
}
