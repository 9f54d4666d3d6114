import { onTestFinished } from "vitest";
import { Backend } from "../../src/balancing/backend.ts";
import type { DialEvents, OpenConnection } from "../../src/balancing/endpoint.ts";
import type { BackendSettings } from "../../src/config/settings.ts";
import type { ResolutionOutcome, Resolver, ResolverListener } from "../../src/discovery/resolver.ts";
import { Budget } from "../../src/http2/budget.ts";
import { ClientConnection } from "../../src/http2/client-connection.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import { defaultKeepalive } from "../../src/http2/keepalive.ts";
import { defaultHttp2Limits } from "../../src/http2/limits.ts";
import type { Address } from "../../src/runtime/machine.ts";
import { Net } from "../gateway/support/net.ts";
import { Pod } from "../gateway/support/pod.ts";
import { backendSettings } from "../gateway/support/settings.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { mulberry32 } from "../support/mulberry32.ts";

export function tcp(label: string): Address {
  const colon = label.lastIndexOf(":");
  return { kind: "tcp", host: label.slice(0, colon), port: Number(label.slice(colon + 1)) };
}

/** A resolver that says what the test wants. */
export class ScriptedResolver implements Resolver {
  listener: ResolverListener | null = null;
  refreshes = 0;
  stopped = false;
  readonly outcomes: Readonly<Record<ResolutionOutcome, number>> = {
    ok: 0,
    nxdomain: 0,
    nodata: 0,
    servfail: 0,
    refused: 0,
    timeout: 0,
    garbage: 0,
    unreachable: 0,
  };

  start(listener: ResolverListener): void {
    this.listener = listener;
  }

  refresh(): void {
    this.refreshes++;
  }

  stop(): void {
    this.stopped = true;
  }

  resolve(...labels: string[]): void {
    this.listener?.resolved(labels.map(tcp));
  }
}

/** Opens connections over the test's network, as the gateway does. */
export function opener(net: Net, options: { readonly flusher: Flusher; readonly budget: Budget }): OpenConnection {
  return (address: Address, events: DialEvents) => {
    const connection = new ClientConnection(
      { ...options, limits: defaultHttp2Limits, keepalive: defaultKeepalive, assumedConcurrentStreams: 100 },
      {
        ready: events.ready,
        capacity: events.capacity,
        turned: events.turned,
        goaway: (gone, code) => events.goaway(gone, `GOAWAY ${code}`, code === 0),
        closed: events.closed,
      },
    );
    connection.attach(net.dial(address, { timeoutMs: 5_000 }, connection));
    return connection;
  };
}

/** A backend whose resolver, pods, network and clock are the test's. */
export function startBackend(more: Partial<BackendSettings> = {}, random: () => number = mulberry32(1)) {
  const net = new Net();
  const options = { flusher: new Flusher(net.soon), budget: new Budget(1 << 30) };
  const resolver = new ScriptedResolver();
  const log = collectingLog();
  const backend = new Backend(backendSettings(more), {
    machine: { clock: net.clock, random, soon: net.soon },
    resolver,
    open: opener(net, options),
    log,
  });
  const pod = (label: string): Pod => {
    const made = new Pod(options);
    net.hosts.set(label, made);
    return made;
  };
  onTestFinished(async () => {
    backend.close();
    await net.settle();
    const left = [net.open, net.clock.pending];
    if (left.some((count) => count > 0)) throw new Error(`left over: ${left.join(" connections, ")} timers`);
  });
  backend.start();
  return { net, clock: net.clock, backend, resolver, log, pod };
}
