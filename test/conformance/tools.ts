import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
const BIN = join(ROOT, ".ci/tools/bin");
/** Everything that is made for the suite; never committed. */
export const WORK = join(ROOT, ".ci/tools/conformance");
const MODULE = "connectrpc.com/conformance";
export const VERSION = "v1.0.5";

/** GOFLAGS of the machine may forbid to write go.sum files; those here are nobody's. */
const GO = { GOFLAGS: "-mod=mod" };

/** What the harness runs. All paths. */
export interface Tools {
  readonly runner: string;
  readonly referenceClient: string;
  /** The reference server, patched: refuses what is not gRPC over HTTP/2. */
  readonly grpcOnlyPod: string;
  /** grpc-go's server: takes protobuf only. Patched: server reflection. */
  readonly protoOnlyPod: string;
  /** The suite's protos as a serialized FileDescriptorSet. */
  readonly descriptors: string;
  /** The suite's test definitions, YAML. */
  readonly suites: string;
}

/** A line of the suite's source, and what stands in its place. */
interface Patch {
  readonly folder: string;
  /** Of ours, in pod/; laid beside. */
  readonly added: string;
  readonly edits: readonly (readonly [find: string, replace: string])[];
}

const PATCHES: readonly Patch[] = [
  {
    folder: "internal/app/referenceserver",
    added: "grpc_only.go",
    edits: [["\t// Create servers\n", "\thandler = grpcOnly(handler)\n\t// Create servers\n"]],
  },
  {
    folder: "internal/app/grpcserver",
    added: "proto_only.go",
    edits: [
      ["\tserver := grpc.NewServer(\n", "\tserver := grpc.NewServer(\n\t\tpodOptions(),\n"],
      ["\treturn server, nil\n", "\twithReflection(server)\n\treturn server, nil\n"],
    ],
  },
];

/** The suite with its pods, or why it cannot be had: whoever runs it then says so and skips. */
export function findTools(say: (line: string) => void): Tools | { readonly missing: string } {
  if (!hasGo()) return { missing: "it is installed through Go, which is not here (https://go.dev/doc/install)" };
  try {
    return prepareTools(say);
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** True when Go is here, without which there is no suite. */
function hasGo(): boolean {
  try {
    run("go", ["version"]);
    return true;
  } catch {
    return false;
  }
}

/**
 * Installs and builds what is missing. Takes a minute the first time.
 * @throws with the tool's own message when a step fails
 */
function prepareTools(say: (line: string) => void): Tools {
  mkdirSync(WORK, { recursive: true });
  const missing = ["connectconformance", "referenceclient"].filter((name) => !existsSync(join(BIN, name)));
  if (missing.length > 0) {
    say(`installing ${missing.join(", ")} ${VERSION}`);
    run("go", ["install", ...missing.map((name) => `${MODULE}/cmd/${name}@${VERSION}`)], { ...GO, GOBIN: BIN });
  }
  const { Dir: source } = JSON.parse(run("go", ["mod", "download", "-json", `${MODULE}@${VERSION}`])) as {
    Dir: string;
  };
  buildPods(source, say);
  const descriptors = join(WORK, "descriptors.binpb");
  if (!existsSync(descriptors)) {
    run(join(ROOT, "node_modules/.bin/buf"), ["build", join(source, "proto"), "-o", descriptors]);
  }
  return {
    runner: join(BIN, "connectconformance"),
    referenceClient: join(BIN, "referenceclient"),
    grpcOnlyPod: join(WORK, "bin/referenceserver"),
    protoOnlyPod: join(WORK, "bin/grpcserver"),
    descriptors,
    suites: join(source, "internal/app/connectconformance/testsuites/data"),
  };
}

/** The module is copied, because its internal packages can only be used from inside it, and Go's cache is read-only. */
function buildPods(source: string, say: (line: string) => void): void {
  const ours = PATCHES.map(({ added }) => join(import.meta.dirname, "pod", added));
  const built = join(WORK, "bin/grpcserver");
  const upToDate = existsSync(built) && ours.every((file) => statSync(file).mtimeMs < statSync(built).mtimeMs);
  if (upToDate) return;
  say("building the pods: the suite's servers, patched to take gRPC only");
  const copy = join(WORK, "module");
  cpSync(source, copy, { recursive: true, force: true });
  run("chmod", ["-R", "u+w", copy]);
  for (const [index, { folder, added, edits }] of PATCHES.entries()) {
    cpSync(ours[index], join(copy, folder, added));
    let text = readFileSync(join(source, folder, "server.go"), "utf8");
    for (const [find, replace] of edits) {
      if (text.split(find).length !== 2) throw new Error(`${folder}/server.go: the line to patch is not there once`);
      text = text.replace(find, replace);
    }
    writeFileSync(join(copy, folder, "server.go"), text);
  }
  run("go", ["build", "-o", join(WORK, "bin/"), "./cmd/referenceserver", "./cmd/grpcserver"], GO, copy);
}

/** What the programs under test are made of. */
const SOURCES = [
  "src",
  "proto",
  "test/conformance",
  "test/support",
  "test/e2e/support",
  "package.json",
  "tsconfig.json",
];
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * A folder of this run's own: its output, and the sources as they are now, so that an edit does not change what is measured in
 * the middle. Those of earlier days are removed.
 * @param head the last commit's sources and not those in the working tree
 */
export function createRunFolder(head: boolean): string {
  const runs = join(WORK, "runs");
  mkdirSync(runs, { recursive: true });
  for (const old of readdirSync(runs).map((name) => join(runs, name))) {
    if (statSync(old).mtimeMs < Date.now() - DAY_MS) rmSync(old, { recursive: true });
  }
  const folder = join(runs, `${new Date().toISOString().slice(0, 19).replaceAll(":", "")}-${process.pid}`);
  if (head) {
    mkdirSync(folder);
    run("sh", ["-c", `git archive HEAD ${SOURCES.join(" ")} | tar -x -C "$0"`, folder]);
  } else for (const source of SOURCES) cpSync(join(ROOT, source), join(folder, source), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}, cwd = ROOT): string {
  try {
    return execFileSync(program, args, {
      cwd,
      encoding: "utf8",
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 << 20,
    });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed: ${(stderr ?? "").trim() || message}`);
  }
}
