import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientRequest } from "@connectrpc/connect/protocol";
import type { BackendView } from "../admin/view.ts";
import { Backend } from "../balancing/backend.ts";
import { viewOf } from "../balancing/backend-view.ts";
import { Dialler } from "../balancing/dialler.ts";
import type { BackendSettings, Target } from "../config/settings.ts";
import { createResolver } from "../discovery/create-resolver.ts";
import { Call, type CallParts } from "../gateway.ts";
import { Budget } from "../http2/budget.ts";
import { Flusher } from "../http2/flusher.ts";
import { defaultHttp2Limits } from "../http2/limits.ts";
import { Sweeper } from "../http2/sweeper.ts";
import { classify } from "../protocols/classify.ts";
import { Deadlines } from "../protocols/deadlines.ts";
import { grpcUpstreamHead } from "../protocols/grpc.ts";
import { enterUniversal, type UniversalAnswer, universalHead } from "../protocols/universal.ts";
import type { ClientMachine } from "../runtime/client-machine.ts";
import type { DialTls, Log } from "../runtime/machine.ts";
import { shortenTimeout } from "./timeout.ts";

/**
 * Bytes of bodies in memory above which connections get credit only for what has been read, and of requests kept for retries.
 * As the gateway's defaults.
 */
const BUDGET_BYTES = 64 * 1024 * 1024;
/** A deadline is also the application's timer; so much before the call's own, the call is left to end by itself. */
const ROUNDING_MS = 50;

export interface ChannelParts {
  readonly settings: BackendSettings;
  readonly target: Target;
  /** Null for plaintext. */
  readonly tls: DialTls | null;
  readonly authority: string;
  readonly machine: ClientMachine;
  readonly log: Log;
}

/**
 * The pods behind one target, for an application in this process: the part of a gateway between the entrance and the pods. A call is
 * the same {@link Call} that a gateway makes of a client's stream, with the application in the client's place and no socket between.
 */
export class Channel {
  readonly #parts: ChannelParts;
  readonly #backend: Backend;
  readonly #dialler: Dialler;
  readonly #callParts: CallParts;
  #state: "new" | "open" | "closed" = "new";
  /** Calls whose answers have not ended. */
  #calls = 0;
  #letGo: (() => void) | null = null;
  #waiting: (() => void)[] = [];

  constructor(parts: ChannelParts) {
    this.#parts = parts;
    const { settings, target, tls, machine, log } = parts;
    const budget = new Budget(BUDGET_BYTES);
    this.#dialler = new Dialler(machine.dial, new Sweeper(machine.clock), {
      flusher: new Flusher(machine.soon),
      budget,
      limits: defaultHttp2Limits,
    });
    this.#backend = new Backend(settings, {
      machine,
      resolver: createResolver(target, settings.dns, machine, log),
      open: this.#dialler.opener(settings.connectTimeout, tls === null ? null : () => tls),
      log,
    });
    this.#callParts = {
      clock: machine.clock,
      deadlines: new Deadlines(machine.clock),
      // Not the budget of the windows: copies for retries give way to others.
      budget: new Budget(BUDGET_BYTES),
      log,
      access: false,
    };
  }

  view(): BackendView {
    return viewOf(this.#backend);
  }

  /** Starts looking for pods; calls do so by themselves. */
  open(): void {
    if (this.#state !== "new") return;
    this.#state = "open";
    this.#backend.start();
  }

  /** Resolves when a pod is ready. @throws (rejects) `unavailable` when none can be reached */
  ready(): Promise<void> {
    this.open();
    const release = this.#began();
    return new Promise<void>((resolve, reject) => {
      const backend = this.#backend;
      const fail = (message: string): void => reject(new ConnectError(message, Code.Unavailable));
      const retry = (): void => {
        const hopeless = this.#state === "closed" ? "the transport is closed" : backend.hopeless();
        if ([...backend.endpoints.values()].some(({ ready }) => ready)) resolve();
        else if (hopeless !== null) fail(hopeless);
        // Not a call: where those may not wait, this is how to wait for them.
        else backend.wait({ retry, fail }, Number.POSITIVE_INFINITY);
      };
      retry();
    }).finally(release);
  }

  /** Connect's `UniversalClientFn`. */
  async request(request: UniversalClientRequest): Promise<UniversalAnswer> {
    const { signal } = request;
    if (signal?.aborted === true) throw signal.reason;
    if (this.#state === "closed") throw new ConnectError("the transport is closed", Code.Unavailable);
    this.open();
    const { tls, authority, machine } = this.#parts;
    shortenTimeout(request.header);
    const path = request.url.slice(request.url.indexOf("/", request.url.indexOf("//") + 2));
    const head = universalHead(request.method, tls === null ? "http" : "https", authority, path, request.header);
    const classified = classify(head);
    classified.upstream = grpcUpstreamHead(head);
    const expiresAt = machine.clock.now() + classified.timeout;
    return enterUniversal(
      request,
      head,
      (downstream) => new Call(this.#callParts, downstream, classified, this.#backend),
      {
        // What the pod took until the deadline is then counted as its time.
        leave: (reason) =>
          ConnectError.from(reason).code === Code.DeadlineExceeded && machine.clock.now() > expiresAt - ROUNDING_MS,
        ended: this.#began(),
        toClient: true,
      },
    );
  }

  /** A call has begun. @returns called when it has ended, once */
  #began(): () => void {
    if (this.#calls++ === 0) this.#letGo = this.#parts.machine.hold();
    return () => {
      if (--this.#calls > 0) return;
      this.#letGo?.();
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
  }

  /** No new calls; resolves when the open ones have ended and everything is closed. */
  async drain(): Promise<void> {
    if (this.#state !== "closed") this.#state = "closed";
    if (this.#calls > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.close();
  }

  /** Ends every call with `unavailable`; resolves when no socket of ours is open. */
  async close(): Promise<void> {
    this.#state = "closed";
    this.#backend.close();
    await this.#dialler.allClosed();
  }
}
