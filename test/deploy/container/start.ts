import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "../../e2e/support/child.ts";
import type { Stage } from "./containerfile.ts";
import { startOf } from "./containerfile.ts";

export interface StartOptions {
  readonly name: string;
  /** The image's root, as built. */
  readonly root: string;
  readonly stages: readonly Stage[];
  /** After ENTRYPOINT; or, with `command`, in its place. */
  readonly args: readonly string[];
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files and folders that are mounted read only, path in the container by path here. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** The process whose network namespace is entered; the machine's own network when left out. */
  readonly network?: number;
}

export interface Container {
  readonly child: Child;
  /** Its first process, in the machine's numbers. */
  readonly pid: () => number;
  /** Sends the image's STOPSIGNAL to it, and waits for the end. */
  stop(): Promise<number | null>;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/** Their first processes. The kernel forgets to end them with their parents, as they have changed their user since (prctl(2)). */
const living = new Set<() => void>();
process.once("exit", () => {
  for (const kill of living) kill();
});

/** Devices that every container has (runtime-spec, Default Devices). */
const DEVICES = ["null", "zero", "full", "random", "urandom"];

/**
 * Starts an image as `docker run --read-only --user --cap-drop=ALL --security-opt=no-new-privileges` does: process 1 of a process
 * namespace, another user, a root that cannot be written. The network is the machine's, or that of another process.
 */
export function startContainer(options: StartOptions): Container {
  const { root } = options;
  const start = startOf(options.stages);
  const lines = [`mount --bind ${root} ${root}`];
  for (const folder of ["proc", "dev"]) mkdirSync(join(root, folder), { recursive: true });
  lines.push(`mount -t proc none ${root}/proc`, `mount -t tmpfs none ${root}/dev`);
  for (const device of DEVICES)
    lines.push(`touch ${root}/dev/${device}`, `mount --bind /dev/${device} ${root}/dev/${device}`);
  // What a container engine writes for every container.
  const given = { "/etc/resolv.conf": "/etc/resolv.conf", "/etc/hosts": "/etc/hosts", ...options.mounts };
  for (const [inside, outside] of Object.entries(given)) {
    makeMountPoint(join(root, inside), outside);
    lines.push(`mount --bind ${outside} ${root}${inside}`, `mount -o remount,ro,bind ${root}${inside}`);
  }
  lines.push(`mount -o remount,ro,bind ${root}`);
  const env = Object.entries({ ...start.env, ...options.env }).map(([name, value]) => `${name}=${value}`);
  const command = [...(options.command ?? start.command), ...options.args];
  // The last two start it: privileges are given up first, then the root, the groups and the user are changed.
  const script = `${lines.join(" && ")} && exec /usr/bin/env -i "$@"`;
  const enter = options.network === undefined ? [] : ["nsenter", "--target", String(options.network), "--net", "--"];
  const [program, ...args] = [
    ...enter,
    ...["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-ec", script, "sh"],
    ...env,
    ...[
      "/usr/bin/setpriv",
      "--no-new-privs",
      "--clear-groups",
      "/usr/bin/unshare",
      `--root=${root}`,
      `--wd=${start.workdir}`,
    ],
    ...[`--setgid=${start.gid}`, `--setuid=${start.uid}`, ...command],
  ];
  const child = startChild(options.name, program, args);
  // `unshare --fork` waits for its only child; nsenter, setpriv and env become what they start.
  const pid = () => Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ")[0]);
  const kill = () => {
    try {
      process.kill(pid(), "SIGKILL");
    } catch {
      // It has ended, or has never begun.
    }
  };
  living.add(kill);
  void child.exited.then(() => living.delete(kill));
  return {
    child,
    pid,
    kill: async () => {
      kill();
      await child.exited;
    },
    stop: async () => {
      process.kill(pid(), start.stopSignal as NodeJS.Signals);
      return (await child.exited).code;
    },
  };
}

function makeMountPoint(path: string, outside: string): void {
  mkdirSync(join(path, ".."), { recursive: true });
  if (isFolder(outside)) mkdirSync(path, { recursive: true });
  else writeFileSync(path, "", { flag: "a" });
}

function isFolder(path: string): boolean {
  try {
    readFileSync(path);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EISDIR";
  }
}

/** The lines of /proc/PID/status that tell with what rights a process runs. */
export function rightsOf(pid: number): {
  readonly uid: number;
  readonly capabilities: bigint;
  readonly noNewPrivileges: boolean;
} {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
  return {
    uid: Number(field("Uid")),
    capabilities: BigInt(`0x${field("CapEff")}`),
    noNewPrivileges: field("NoNewPrivs") === "1",
  };
}
