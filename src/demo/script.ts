import type { GatewayView } from "../admin/view.ts";
import type { Clock } from "../runtime/machine.ts";
import { type Evidence, grace } from "./claims.ts";
import type { LoadClient } from "./client.ts";
import type { Pod } from "./pods.ts";
import type { Screen } from "./screen.ts";
import { every, sleep } from "./sleep.ts";
import { snapshot } from "./snapshot.ts";
import { time } from "./table.ts";

/** When what happens. */
export interface Pace {
  /** Milliseconds since the load began: two pods join DNS, one leaves, the load ends. */
  readonly join: number;
  readonly leave: number;
  readonly end: number;
  /** Time to live of the DNS records, seconds; with it how often the gateway asks. */
  readonly ttl: number;
}

/**
 * With build, start and tidying up the whole stays below 30 s. The time to live is short, because nobody wants to watch a table
 * for 30 s until something happens.
 */
export const usualPace: Pace = { join: 7_000, leave: 14_000, end: 21_000, ttl: 2 };

/** How often a terminal's table is redrawn: often enough to look alive, seldom enough to be read. */
const redraw = 250;
/** How often plain output gets a line. */
const lineEvery = 2_000;
/** Latencies in the live table are those of so many last milliseconds; the last table shows the whole run. */
const window = 5_000;
/** How long the last calls may take before they count as unanswered. */
const patience = 5_000;

/** All that takes part. */
export interface Cast {
  readonly clock: Clock;
  readonly screen: Screen;
  /** How often the screen wants a new state. */
  readonly live: boolean;
  /** Behind Fairlead. */
  readonly pods: readonly Pod[];
  readonly slow: Pod;
  readonly roles: { readonly first: readonly Pod[]; readonly joining: readonly Pod[]; readonly leaving: Pod };
  readonly fairlead: LoadClient;
  readonly pinned: LoadClient;
  readonly view: GatewayView;
  /** Makes DNS name these pods from now on. */
  publish(pods: readonly Pod[]): void;
  readonly pace: Pace;
  /** Longest time until the gateway must have seen a change in DNS, milliseconds. */
  readonly refresh: number;
  /** Aborted when the user wants to leave. */
  readonly stop: AbortSignal;
}

/** Plays the whole pace. @returns what was seen; null when it was stopped before the end */
export async function play(cast: Cast): Promise<Evidence | null> {
  const { clock, screen, pods, roles, fairlead, pinned, pace, stop } = cast;
  const began = clock.now();
  const since = (at: number) => at - began;
  const until = (ms: number) => sleep(clock, began + ms - clock.now(), stop);
  const published = new Set<Pod>();
  const publish = (wanted: readonly Pod[]) => {
    published.clear();
    for (const pod of wanted) published.add(pod);
    cast.publish(wanted);
  };
  const state = (latencies: number) => snapshot(cast, published, since(clock.now()) / 1000, latencies);
  const say = (text: string) => screen.say(`${`${Math.round(since(clock.now()) / 1000)} s`.padStart(5)}  ${text}`);

  let connections = 0;
  const waitingFor = new Set<Pod>();
  let joinedAt = 0;
  let lateness = 0;
  let lastTick = began;
  const watcher = every(clock, redraw, () => {
    const now = clock.now();
    lateness = Math.max(lateness, now - lastTick - redraw);
    lastTick = now;
    for (const listener of cast.view.listeners()) connections = Math.max(connections, listener.connections);
    for (const pod of waitingFor) {
      if (pod.firstCall === null) continue;
      waitingFor.delete(pod);
      say(`${pod.name} got its first call ${time(pod.firstCall - joinedAt)} after it joined`);
    }
  });
  const drawer = every(clock, cast.live ? redraw : lineEvery, () => screen.draw(state(clock.now() - window)));

  try {
    publish(roles.first);
    fairlead.start();
    pinned.start();
    say(`${names(roles.first)} are in DNS; ${cast.slow.name} is five times slower than the others`);

    if (!(await until(pace.join))) return null;
    const firstPhase = roles.first.map((pod) => ({ pod: pod.name, slow: pod === cast.slow, calls: pod.calls }));
    joinedAt = clock.now();
    for (const pod of roles.joining) waitingFor.add(pod);
    publish([...roles.first, ...roles.joining]);
    say(`${names(roles.joining)} join DNS`);

    if (!(await until(pace.leave))) return null;
    const leftAt = clock.now();
    publish(pods.filter((pod) => pod !== roles.leaving));
    say(`${roles.leaving.name} leaves DNS`);

    // The pod itself goes when nobody can know it any more, as Kubernetes does it with a preStop delay.
    if (!(await until(pace.leave + cast.refresh + grace))) return null;
    say(`${roles.leaving.name} shuts down`);
    await roles.leaving.close();

    if (!(await until(pace.end))) return null;
    fairlead.stop();
    pinned.stop();
    await fairlead.settled(patience);
    drawer.cancel();
    screen.draw(state(0));

    return {
      fairlead: {
        calls: fairlead.sent,
        failures: [...fairlead.failures],
        unanswered: fairlead.outstanding,
        connections,
        states: [...fairlead.states],
        outstandingAtEnd: cast.view
          .backends()
          .flatMap((backend) => backend.endpoints)
          .reduce((sum, endpoint) => sum + endpoint.outstanding, 0),
        p99: fairlead.log.total(0).p99,
      },
      firstPhase,
      joined: roles.joining.map((pod) => ({
        pod: pod.name,
        at: since(joinedAt),
        firstCall: pod.firstCall === null ? null : since(pod.firstCall),
      })),
      left: {
        pod: roles.leaving.name,
        at: since(leftAt),
        calls: roles.leaving.calls,
        lastCall: roles.leaving.lastCall === null ? null : since(roles.leaving.lastCall),
      },
      pinned: {
        calls: pinned.sent,
        waiting: pinned.outstanding,
        pods: pinned.log.pods(),
        p99: pinned.log.total(0).p99,
      },
      refresh: cast.refresh,
      lateness,
    };
  } finally {
    watcher.cancel();
    drawer.cancel();
  }
}

/** Goes on showing the table on a terminal, without a story, until it is stopped. The load is the caller's business. */
export async function watch(cast: Cast): Promise<void> {
  const { clock } = cast;
  const began = clock.now();
  const inDns = new Set(cast.pods.filter((pod) => pod !== cast.roles.leaving));
  const drawer = every(clock, redraw, () => {
    const now = clock.now();
    if (cast.live) cast.screen.draw(snapshot(cast, inDns, (now - began) / 1000, now - window));
  });
  // A timer does not keep the process alive, but the servers do.
  while (await sleep(clock, 60_000, cast.stop));
  drawer.cancel();
}

function names(pods: readonly Pod[]): string {
  const all = pods.map((pod) => pod.name);
  return all.length < 2 ? all.join() : `${all.slice(0, -1).join(", ")} and ${all[all.length - 1]}`;
}
