import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Stage } from "./containerfile.ts";

export interface BuildOptions {
  /** The folder that COPY without --from takes from. */
  readonly context: string;
  /** Where every stage gets a folder of its own: its root. */
  readonly work: string;
  /** Programs that stand for base images, by image. `scratch` needs none. */
  readonly bases: Readonly<Record<string, Base>>;
  readonly say: (line: string) => void;
}

/**
 * A base image that cannot be had here. `machine`: the machine's own programs and libraries, read only, with one program put where
 * the image has it. `file`: nothing but the program.
 */
export interface Base {
  readonly kind: "machine" | "file";
  readonly program: string;
  readonly at: string;
}

/** Why steps cannot be run here; null when they can: mounts and chroot want to be root. */
export function whyNot(): string | null {
  if (process.platform !== "linux") return "it needs Linux";
  if (process.getuid?.() !== 0) return "it needs to be root, to mount and to change the root";
  const tried = spawnSync("unshare", ["--mount", "--pid", "--fork", "true"], { encoding: "utf8" });
  return tried.status === 0 ? null : `namespaces are not allowed here: ${tried.stderr ?? tried.error?.message}`.trim();
}

/**
 * Takes the steps of every stage, each in a root of its own. @returns the root of the last stage, as the image has it
 * @throws Error when a step fails
 */
export function build(stages: readonly Stage[], options: BuildOptions): string {
  const roots = new Map<string, string>();
  let root = "";
  for (const [number, stage] of stages.entries()) {
    const name = stage.name ?? String(number);
    options.say(`stage ${name} from ${stage.image}`);
    root = join(options.work, name);
    mkdirSync(root, { recursive: true });
    buildStage(stage, root, roots, options);
    roots.set(name, root);
  }
  return root;
}

function buildStage(stage: Stage, root: string, roots: ReadonlyMap<string, string>, options: BuildOptions): void {
  const base = stage.image === "scratch" ? null : options.bases[stage.image];
  if (base === undefined) throw new Error(`nothing stands for the image ${stage.image}`);
  if (base?.kind === "file") cpSync(base.program, join(root, base.at), { dereference: true });
  const env: Record<string, string> = {};
  let workdir = "/";
  for (const step of stage.steps) {
    switch (step.kind) {
      case "workdir":
        workdir = resolve(workdir, step.path);
        mkdirSync(join(root, workdir), { recursive: true });
        break;
      case "env":
        Object.assign(env, step.values);
        break;
      case "copy": {
        const from = step.from === null ? options.context : roots.get(step.from);
        if (from === undefined) throw new Error(`COPY: there is no stage ${step.from}`);
        options.say(`  copy ${step.sources.join(" ")} to ${step.to}`);
        copy(from, step.sources, join(root, resolve(workdir, step.to)), step.to.endsWith("/"));
        break;
      }
      case "run":
        if (base?.kind !== "machine") throw new Error(`RUN: the image ${stage.image} has no shell`);
        options.say(`  run ${step.script.split("&&")[0].trim()} ...`);
        run(root, workdir, env, step.script, base);
        break;
    }
  }
}

/** A folder is copied as what is in it; a file into a folder, or under a new name (COPY of the Containerfile format). */
function copy(from: string, sources: readonly string[], to: string, intoFolder: boolean): void {
  for (const source of sources) {
    const path = join(from, source);
    const isFolder = statSync(path).isDirectory();
    const target =
      !isFolder && (intoFolder || (existsSync(to) && statSync(to).isDirectory())) ? join(to, basename(source)) : to;
    cpSync(path, target, { recursive: true, verbatimSymlinks: true });
  }
}

/** Folders of the machine that stand for a Debian base image. */
const MACHINE = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"];

function run(root: string, workdir: string, env: Readonly<Record<string, string>>, script: string, base: Base): void {
  const mounts: string[] = [];
  for (const folder of MACHINE) {
    const here = join(root, folder);
    if (lstatSync(folder).isSymbolicLink()) {
      rmSync(here, { force: true });
      symlinkSync(readlinkSync(folder), here);
      continue;
    }
    mkdirSync(here, { recursive: true });
    mounts.push(`mount --bind ${folder} ${here} && mount -o remount,ro,bind ${here}`);
  }
  for (const folder of ["proc", "dev", "tmp", "root"]) mkdirSync(join(root, folder), { recursive: true });
  const program = join(root, base.at);
  mounts.push(
    `mount -t tmpfs none ${root}/usr/local && mkdir -p ${join(program, "..")} && cp ${base.program} ${program}`,
    `mount -t proc none ${root}/proc`,
    `mount --bind /dev ${root}/dev`,
    `mount -t tmpfs none ${root}/tmp`,
    `mount -t tmpfs none ${root}/root`,
  );
  // What the machine's npm is told by its user's settings (mirrors, certificates) holds here too, and its cache.
  const home = process.env.HOME ?? "/root";
  if (existsSync(join(home, ".npmrc"))) mounts.push(`cp ${home}/.npmrc ${root}/root/.npmrc`);
  if (existsSync(join(home, ".npm")))
    mounts.push(`mkdir ${root}/root/.npm && mount --bind ${home}/.npm ${root}/root/.npm`);
  const inside = `cd ${workdir} && ${script}`;
  const result = spawnSync(
    "unshare",
    [
      "--mount",
      "--pid",
      "--fork",
      "--propagation",
      "private",
      "sh",
      "-c",
      `${mounts.join(" && ")} && exec chroot ${root} /bin/sh -ec "$STEP"`,
    ],
    {
      encoding: "utf8",
      env: {
        ...process.env,
        ...env,
        HOME: "/root",
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        STEP: inside,
      },
    },
  );
  if (result.status !== 0)
    throw new Error(`RUN ${script} ended with ${result.status}:\n${result.stdout}${result.stderr}`);
}

/** A file that a container engine puts into every container. */
export function provide(root: string, path: string, text: string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), text);
}
