import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { call, firstCall } from "./call.ts";
import type { Child, Workshop } from "./children.ts";
import type { Found, Peer, PeerLaunch, Setup } from "./peers/peer.ts";
import { freePorts } from "./ports.ts";
import { usage } from "./proc.ts";

/** A peer that runs, with what its starts showed. */
export interface Contestant {
  readonly peer: Peer;
  readonly version: string;
  readonly command: string;
  readonly child: Child;
  readonly port: number;
  /** Milliseconds, one per start. */
  readonly readyMs: readonly number[];
  /** After one call, before any load. */
  readonly rssIdleBytes: number;
}

/**
 * Starts a peer `starts` times, each until its first successful call, and leaves the last one running.
 * The answer to that call is checked whole: status, body and trailer.
 * @throws (rejects) when it does not start or answers wrongly
 */
export async function enter(
  workshop: Workshop,
  peer: Peer,
  found: Extract<Found, { kind: "found" }>,
  pods: readonly [number, number],
  starts: number,
  root: string,
): Promise<Contestant> {
  const readyMs: number[] = [];
  for (let n = 1; ; n++) {
    const setup = await prepare(workshop, `${peer.key}-${n}`, pods);
    const launch = found.launch(setup);
    const since = performance.now();
    const child = workshop.start({ name: peer.key, core: "proxy", ...launch });
    try {
      readyMs.push(await firstCall(child, setup.port, since));
      if (n < starts) {
        await child.stop();
        continue;
      }
      const { rssBytes } = usage(child.pid);
      const command = describe(launch, setup, root);
      return { peer, version: found.version, command, child, port: setup.port, readyMs, rssIdleBytes: rssBytes };
    } catch (error) {
      await child.stop();
      throw error;
    }
  }
}

/** Whether it still answers correctly, after all the load. @throws (rejects) with what is wrong */
export async function stillRight(contestant: Contestant): Promise<void> {
  const ended = contestant.child.ended();
  if (ended !== null) throw new Error(`ended (${ended}): ${contestant.child.tail()}`);
  await call(contestant.port);
}

/** Ports and a folder for one process. */
export async function prepare(workshop: Workshop, name: string, pods: readonly [number, number]): Promise<Setup> {
  const [port, admin] = await freePorts(2);
  const folder = join(workshop.folder, name);
  mkdirSync(folder);
  const file = (fileName: string, content: string): string => {
    const path = join(folder, fileName);
    writeFileSync(path, content);
    return path;
  };
  return { port, admin, pods, folder, file };
}

/** The command as a reader of the report can use it: named ports, files relative to the repository, no paths of this machine. */
export function describe({ argv, env }: PeerLaunch, setup: Setup, root: string): string {
  const names = new Map([
    [String(setup.port), "PORT"],
    [String(setup.admin), "ADMIN"],
    [String(setup.pods[0]), "POD1"],
    [String(setup.pods[1]), "POD2"],
  ]);
  const place = (word: string): string => {
    if (word === setup.folder) return "FOLDER";
    if (word.startsWith(`${root}/`) && !word.includes("node_modules/") && !word.includes(".ci/"))
      return word.slice(root.length + 1);
    return word.startsWith("/") ? basename(word) : word;
  };
  const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${place(value)}`);
  return [...variables, ...argv.map(place)]
    .join(" ")
    .replaceAll(/\b\d{4,5}\b/g, (number) => names.get(number) ?? number);
}
