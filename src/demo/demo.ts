import { create } from "@bufbuild/protobuf";
import type { GatewayView } from "../admin/view.ts";
import { makeSettings } from "../config/make-settings.ts";
import type { Settings } from "../config/settings.ts";
import type { CreateGateway, Gateway } from "../gateway-api.ts";
import { ConfigSchema } from "../gen/fairlead/config/v1/config_pb.ts";
import { EchoService } from "../gen/fairlead/demo/v1/echo_pb.ts";
import { startNodeHttp2Server } from "../runtime/http2-server.ts";
import type { Machine } from "../runtime/machine.ts";
import { onSignal } from "../runtime/signals.ts";
import { silentLog } from "../runtime/silent-log.ts";
import type { Terminal } from "../runtime/terminal.ts";
import { judge, renderClaims } from "./claims.ts";
import { createLoadClient, loadGrpc } from "./client.ts";
import { renderCommands } from "./commands.ts";
import { deploy, type Layout } from "./deployment.ts";
import { startNameServer } from "./name-server.ts";
import { servePage } from "./page-server.ts";
import type { Pod, PodSpec } from "./pods.ts";
import { createScreen } from "./screen.ts";
import { type Cast, type Pace, play, usualPace, watch } from "./script.ts";
import { sleep } from "./sleep.ts";

export interface DemoOptions {
  /** Goes on after the summary, until it is interrupted, and prints commands to try. */
  readonly keep: boolean;
}

export interface DemoParts {
  readonly machine: Machine;
  readonly terminal: Terminal;
  readonly createGateway: CreateGateway;
  /** Serves the admin pages of a gateway on a free port of loopback. Absent: the demo has none. */
  readonly serveAdmin?: (
    view: GatewayView,
  ) => Promise<{ readonly host: string; readonly port: number; close(): Promise<void> }>;
  /** For tests. Left out: what the machine can do. */
  readonly layout?: Layout;
  /** For tests. */
  readonly pace?: Pace;
}

/**
 * Two workers of 40 ms make 50 calls a second: one pod alone cannot carry the load of 60, which is why there are three. Three
 * can, although one of them is slow. The work is long and the load low, so that neither late timers nor the machine's own speed
 * change the picture on a busy machine: the whole demo takes a sixth of a core.
 */
const pods: readonly PodSpec[] = [
  { name: "pod-1", work: 40, workers: 2 },
  { name: "pod-2", work: 40, workers: 2 },
  { name: "pod-3", work: 200, workers: 2 },
  { name: "pod-4", work: 40, workers: 2 },
  { name: "pod-5", work: 40, workers: 2 },
];
/** Calls a second of each client. */
const rate = 60;

/** How long the gateway may take until it has found and reached the pods, milliseconds. */
const startPatience = 5_000;

/** Exit code of a command that SIGINT ended: 128 + 2, as shells have it. */
const interrupted = 130;

/**
 * Plays the whole story in this process.
 * @returns the exit code: 0 when every claim that was printed held
 * @throws (rejects) with a sentence for people when the demo cannot be set up
 */
export async function runDemo(options: DemoOptions, parts: DemoParts): Promise<number> {
  const { machine, terminal, pace = usualPace } = parts;
  const { clock, random } = machine;
  const grpc = await loadGrpc();
  const closing: (() => unknown)[] = [];
  const stop = new AbortController();
  const ignoreSignals = onSignal(() => {
    // The second one is not ours any more, and ends the process at once.
    ignoreSignals();
    stop.abort();
  });
  closing.push(ignoreSignals);

  try {
    // Twice the same, because the two loads must not disturb each other.
    const behind = await deploy(pods, clock, startNodeHttp2Server, parts.layout);
    closing.push(() => Promise.all(behind.pods.map((pod) => pod.destroy())));
    const without = await deploy(pods, clock, startNodeHttp2Server, behind.layout);
    closing.push(() => Promise.all(without.pods.map((pod) => pod.destroy())));

    const first = behind.pods.slice(0, 3);
    const names = await startNameServer(behind.layout, first[0].port, pace.ttl);
    closing.push(() => names.close());
    names.publish(first);
    const page = await servePage(machine.readText);
    closing.push(() => page.close());
    const settings = demoSettings(names.target, page.origins);
    const gateway = parts.createGateway(settings, machine, silentLog);
    closing.push(() => gateway.close());
    await gateway.start();
    const admin = await parts.serveAdmin?.(gateway.view);
    if (admin !== undefined) closing.push(() => admin.close());
    await reached(gateway, first.length, machine, stop.signal);

    const { host, port } = gateway.view.listeners()[0];
    const addresses = without.pods.slice(0, 3).map((pod) => `${pod.host}:${pod.port}`);
    const fairlead = createLoadClient(grpc, `${host}:${port}`, rate, clock, random);
    closing.push(() => fairlead.close());
    // What a stock client does with the whole list: its default policy connects to the first that answers and stays there.
    const pinned = createLoadClient(grpc, `ipv4:${addresses.join(",")}`, rate, clock, random);
    closing.push(() => pinned.close());

    let inDns: ReadonlySet<Pod> = new Set(first);
    page.show({ view: gateway.view, pods: behind.pods, slow: behind.pods[2], inDns: () => inDns });

    const screen = createScreen(terminal);
    closing.push(() => screen.close());
    screen.say(...introduction(names.target, `${host}:${port}`, page.url));
    const cast: Cast = {
      clock,
      screen,
      live: terminal.isTTY,
      pods: behind.pods,
      slow: behind.pods[2],
      roles: { first, joining: behind.pods.slice(3), leaving: behind.pods[1] },
      fairlead,
      pinned,
      view: gateway.view,
      publish(pods) {
        inDns = new Set(pods);
        names.publish(pods);
      },
      pace,
      // The period is the shorter of the two, and its jitter makes it up to a fifth longer.
      refresh: Math.min(settings.backends[0].dns.period, pace.ttl * 1000) * 1.2,
      stop: stop.signal,
    };
    const evidence = await play(cast);
    screen.close();
    if (evidence === null) {
      print(terminal, ["", "Stopped before the end."]);
      return interrupted;
    }

    const claims = judge(evidence);
    const failed = claims.filter((claim) => !claim.held).length;
    print(terminal, [
      "",
      ...renderClaims(claims),
      "",
      failed === 0 ? `All ${claims.length} claims held.` : `${failed} of ${claims.length} claims did not hold.`,
    ]);
    if (options.keep) {
      pinned.close();
      print(terminal, [
        "",
        `The gateway, its pods, the load through it and ${page.url} go on until you press Ctrl-C. Try:`,
        "",
        ...renderCommands({
          gateway: `${host}:${port}`,
          admin: admin === undefined ? null : `${admin.host}:${admin.port}`,
          dns: names,
          pod: `${first[0].host}:${first[0].port}`,
        }),
      ]);
      fairlead.start();
      await watch(cast);
    }
    return failed === 0 ? 0 : 1;
  } finally {
    // Clients first and pods last, and each when nothing is on its way through it any more. Deno's node:http2 needs that order
    // too: a GOAWAY that reaches it while calls are open can abort the process (denoland/deno#36788).
    for (const close of closing.reverse()) await close();
  }
}

/**
 * Everything as it is by default, on a free port of loopback, except for the demo's own page: it may call, and some of its calls
 * are GET.
 */
function demoSettings(target: string, origins: readonly string[]): Settings {
  return makeSettings(
    create(ConfigSchema, {
      listeners: [{ address: "127.0.0.1", port: 0, cors: { allowOrigins: [...origins] } }],
      routes: [{ backendRefs: [{ name: "echo" }], connectGet: [`${EchoService.typeName}/Echo`] }],
      backends: [{ name: "echo", target }],
      drain: { delay: "0s" },
    }),
  );
}

/** Waits until so many endpoints are ready. @throws (rejects) when they are not in time */
async function reached(gateway: Gateway, endpoints: number, machine: Machine, stop: AbortSignal): Promise<void> {
  const { clock } = machine;
  const ready = () =>
    gateway.view
      .backends()
      .flatMap((backend) => backend.endpoints)
      .filter((endpoint) => endpoint.state === "ready").length;
  for (const deadline = clock.now() + startPatience; ready() < endpoints && !stop.aborted; ) {
    if (clock.now() > deadline) {
      throw new Error(`demo: the gateway reached ${ready()} of ${endpoints} pods within ${startPatience / 1000} s`);
    }
    await sleep(clock, 20, stop);
  }
}

function introduction(target: string, listen: string, page: string): readonly string[] {
  return [
    `Three pods behind one DNS name, each good for ${(pods[0].workers * 1000) / pods[0].work} calls a second, one slower. The same load twice, ${rate} calls a`,
    "second from a stock gRPC client (grpc-js): through Fairlead, and straight to the pods, where the client",
    "stays on the one that it connected to first.",
    `Fairlead listens on ${listen}, its target is ${target}`,
    `A page that calls the pods in all protocols that browsers have: ${page}`,
    "",
  ];
}

function print(terminal: Terminal, lines: readonly string[]): void {
  terminal.write(lines.map((line) => `${line}\n`).join(""));
}

/** The demo shows what happens in its own way. */
