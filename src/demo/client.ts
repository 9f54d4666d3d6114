import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type * as Grpc from "@grpc/grpc-js";
import { EchoRequestSchema, EchoResponseSchema, EchoService } from "../gen/fairlead/demo/v1/echo_pb.ts";
import type { Clock, Random, Timer } from "../runtime/machine.ts";
import { type CallLog, createCallLog } from "./call-log.ts";

export type GrpcLibrary = typeof Grpc;

/**
 * The stock client library. It is an optional dependency, because only the demo needs it.
 * @throws (rejects) with a sentence that says what to install
 */
export async function loadGrpc(): Promise<GrpcLibrary> {
  try {
    return await import("@grpc/grpc-js");
  } catch (error) {
    throw new Error("the demo's client is @grpc/grpc-js, which is not installed: npm install @grpc/grpc-js", {
      cause: error,
    });
  }
}

/** A stock gRPC client under steady load: one channel, default options. */
export interface LoadClient {
  /** Begins to send; once only. */
  start(): void;
  /** Sends no more; calls on their way go on. */
  stop(): void;
  /** Resolves true when no call is on its way, false after `ms` milliseconds. */
  settled(ms: number): Promise<boolean>;
  /** Gives up the calls on their way and closes the channel. Given-up calls are neither answers nor failures. */
  close(): void;
  readonly sent: number;
  readonly outstanding: number;
  /** One message for each call that failed. */
  readonly failures: readonly string[];
  /** The channel's connectivity states, in order. */
  readonly states: readonly string[];
  readonly log: CallLog;
}

/** @param rate calls a second, at random (Poisson) intervals as independent users would send them */
export function createLoadClient(
  grpc: GrpcLibrary,
  target: string,
  rate: number,
  clock: Clock,
  random: Random,
): LoadClient {
  const client = new grpc.Client(target, grpc.credentials.createInsecure());
  const path = `/${EchoService.typeName}/${EchoService.method.echo.name}`;
  const request = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "hello" }));
  // The library's serializer must return a Buffer: it copies it into place with Buffer's own method.
  const serialize = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const deserialize = (bytes: Uint8Array) => fromBinary(EchoResponseSchema, bytes).pod;

  const log = createCallLog();
  const failures: string[] = [];
  const calls = new Set<Grpc.ClientUnaryCall>();
  const waiting = new Set<() => void>();
  let sent = 0;
  let closed = false;
  let next: Timer | null = null;

  const send = () => {
    sent++;
    const began = clock.now();
    const call = client.makeUnaryRequest(path, serialize, deserialize, request, (error, pod) => {
      calls.delete(call);
      if (closed) return;
      const now = clock.now();
      if (error !== null) failures.push(`${grpc.status[error.code]}: ${error.details}`);
      else log.ended(pod ?? "", now, now - began);
      if (calls.size === 0) for (const resolve of waiting) resolve();
    });
    calls.add(call);
  };

  /** `due` is kept apart from now: a late timer sends late, but the rate stays what was asked for. */
  const schedule = (due: number) => {
    next = clock.timer(
      () => {
        const now = clock.now();
        while (due <= now) {
          send();
          due += (-Math.log(1 - random()) * 1000) / rate;
        }
        schedule(due);
      },
      Math.max(0, due - clock.now()),
    );
  };

  return {
    start: () => schedule(clock.now()),
    stop() {
      next?.cancel();
      next = null;
    },
    settled: (ms) =>
      new Promise((resolve) => {
        if (calls.size === 0) {
          resolve(true);
          return;
        }
        const end = (all: boolean) => {
          waiting.delete(allEnded);
          timer.cancel();
          resolve(all);
        };
        const allEnded = () => end(true);
        const timer = clock.timer(() => end(false), ms);
        waiting.add(allEnded);
      }),
    close() {
      next?.cancel();
      closed = true;
      for (const call of calls) call.cancel();
      client.close();
    },
    get sent() {
      return sent;
    },
    get outstanding() {
      return calls.size;
    },
    failures,
    states: watchStates(grpc, client.getChannel()),
    log,
  };
}

/** Notes each connectivity state of a channel, from now until it is closed. */
function watchStates(grpc: GrpcLibrary, channel: ReturnType<Grpc.Client["getChannel"]>): readonly string[] {
  const states: string[] = [];
  const note = () => {
    const state = channel.getConnectivityState(false);
    if (state === grpc.connectivityState.SHUTDOWN) return;
    states.push(grpc.connectivityState[state]);
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, (error) => {
      if (error === undefined || error === null) note();
    });
  };
  note();
  return states;
}
