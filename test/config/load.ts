import { parseArgs } from "node:util";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { FileAccess } from "../../src/config/check-files.ts";
import { argOptions, type Command, loadSettings, parseCommand } from "../../src/config/command-line.ts";
import { loadText } from "../../src/config/load.ts";
import { formatProblem, type Problem } from "../../src/config/report.ts";
import type { Settings } from "../../src/config/settings.ts";
import { file_fairlead_demo_v1_echo } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";

/** Files that exist for tests, by path. */
export const files: Readonly<Record<string, string>> = {
  "/tls/cert.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  "/tls/key.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
  "/tls/rsa.pem": "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
  "/tls/locked.pem": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
  "/tls/notes.txt": "remember to renew\n",
  "/schema/empty.binpb": "",
};

/** Descriptor sets: what `buf build -o` writes for the demo's service, and one whose import is left out. */
const descriptorSets: Readonly<Record<string, MessageInitShape<typeof FileDescriptorSetSchema>>> = {
  "/schema/demo.binpb": { file: [file_fairlead_demo_v1_echo.proto] },
  "/schema/torn.binpb": { file: [{ name: "b.proto", syntax: "proto3", dependency: ["a.proto"] }] },
};

export const access: FileAccess = {
  readText: async (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return text;
  },
  readBytes: async (path) => {
    const set = descriptorSets[path];
    if (set !== undefined) return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, set));
    return new TextEncoder().encode(await access.readText(path));
  },
  isPair: (_cert, key) => key !== files["/tls/rsa.pem"],
};

/** Every problem of a file named `f.yaml`, one line each. */
export async function problemsOf(text: string): Promise<readonly string[]> {
  const loaded = await loadText("f.yaml", text, [], access);
  return "problems" in loaded ? loaded.problems.map(formatProblem) : [];
}

/** @throws when something is wrong with it */
export async function settingsOf(text: string): Promise<Settings> {
  return unwrap(await loadText("f.yaml", text, [], access));
}

export function command(...args: string[]): Command {
  return parseCommand(
    parseArgs({ args, options: argOptions(), strict: false, tokens: true, allowPositionals: true }).tokens,
  );
}

/** Every problem that the flags have, one line each. */
export async function flagProblems(...args: string[]): Promise<readonly string[]> {
  const parsed = command(...args);
  if (parsed.kind === "wrong") return parsed.problems.map(formatProblem);
  if (parsed.kind !== "run" && parsed.kind !== "check") return [];
  const loaded = await loadSettings(parsed.source, access);
  return "problems" in loaded ? loaded.problems.map(formatProblem) : [];
}

/** @throws when something is wrong with them */
export async function flagSettings(...args: string[]): Promise<Settings> {
  const parsed = command(...args);
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  return unwrap(await loadSettings(parsed.source, access));
}

function unwrap(loaded: { settings: Settings } | { problems: readonly Problem[] }): Settings {
  if ("problems" in loaded) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  return loaded.settings;
}
