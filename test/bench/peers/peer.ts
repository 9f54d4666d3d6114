import { spawnSync } from "node:child_process";

/** A proxy that is measured. */
export interface Peer {
  /** Short, for `--only` and the results file. */
  readonly key: string;
  /** As people call it, for tables and the plot. */
  readonly name: string;
  /** Looks whether it is installed; may install it first. Never throws: a peer that cannot be had is named and left out. */
  find(say: (line: string) => void): Promise<Found> | Found;
}

export type Found =
  | { readonly kind: "found"; readonly version: string; readonly launch: (setup: Setup) => PeerLaunch }
  | { readonly kind: "missing"; readonly reason: string };

export interface Setup {
  /** Where to listen, on 127.0.0.1. */
  readonly port: number;
  readonly admin: number;
  readonly pods: readonly [number, number];
  /** A folder for this process alone. */
  readonly folder: string;
  /** Writes a file into the folder and gives its path. */
  readonly file: (name: string, content: string) => string;
}

export interface PeerLaunch {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A peer from Debian's packages. `argv` asks its version; it may print it on either output. */
export function installed(
  argv: readonly string[],
  version: RegExp,
  packageName: string,
  launch: (setup: Setup) => PeerLaunch,
): Found {
  const result = spawnSync(argv[0], argv.slice(1), { encoding: "utf8", timeout: 10_000 });
  if (result.error !== undefined) {
    return { kind: "missing", reason: `\`${argv[0]}\` is not installed (Debian package ${packageName})` };
  }
  const found = version.exec(`${result.stdout}\n${result.stderr}`);
  return { kind: "found", version: found?.[1] ?? "unknown version", launch };
}
