import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Base, build } from "./build.ts";
import { parseContainerfile, type Stage } from "./containerfile.ts";

export const ROOT = join(import.meta.dirname, "../../..");

export type ImageName = "node" | "deno";

export interface Image {
  readonly stages: readonly Stage[];
  readonly root: string;
}

export function readContainerfile(name: ImageName): Stage[] {
  const file = name === "node" ? "Containerfile" : "Containerfile.deno";
  return parseContainerfile(readFileSync(join(ROOT, "deploy/container", file), "utf8"));
}

/** Programs of this machine that stand for the base images; what is not quite the same is said aloud. */
export function basesOf(
  stages: readonly Stage[],
  say: (line: string) => void,
): Record<string, Base> | { missing: string } {
  const bases: Record<string, Base> = {};
  for (const { image } of stages) {
    if (image === "scratch") continue;
    const [, name, version] = /^(?:denoland\/)?(node|deno):(?:bin-)?([\d.]+)/.exec(image) ?? [];
    const tool = join(ROOT, ".ci/tools/bin", name === "node" ? `node${version}` : "deno");
    const program = existsSync(tool) ? tool : name === "node" ? process.execPath : null;
    if (program === null) return { missing: `${image}: deno is not installed; to run: bash .ci/install runtimes` };
    const is = execFileSync(program, ["--version"], { encoding: "utf8" }).split("\n")[0];
    say(`${image} is stood for by ${is} and this machine's system`);
    bases[image] =
      name === "node"
        ? { kind: "machine", program, at: "/usr/local/bin/node" }
        : { kind: "file", program, at: "/deno" };
  }
  return bases;
}

/** @param work a folder of its own, not under the repository */
export function buildImage(name: ImageName, work: string, say: (line: string) => void): Image | { missing: string } {
  const stages = readContainerfile(name);
  const bases = basesOf(stages, say);
  if ("missing" in bases) return bases as { missing: string };
  return { stages, root: build(stages, { context: ROOT, work: join(work, name), bases, say }) };
}
