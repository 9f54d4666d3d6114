import { Document } from "yaml";
import type { FileAccess } from "./check-files.ts";
import { type Flag, flags } from "./flags.ts";
import { flagPlaces, type Given, givenBy, treeOf } from "./given.ts";
import { type Loaded, loadText, loadTree } from "./load.ts";
import { nearest } from "./nearest.ts";
import { createReport, type Problem } from "./report.ts";

/** What `node:util`'s parseArgs gives for one argument, with `strict: false` and `tokens: true`. */
export type ArgToken =
  | OptionToken
  | { readonly kind: "positional"; readonly value: string }
  | { readonly kind: "option-terminator" };

interface OptionToken {
  readonly kind: "option";
  readonly name: string;
  /** As it was written: `-c`, `--config`. */
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** The flags as `node:util`'s parseArgs wants them. */
export function argOptions(): Record<string, { type: "string" | "boolean"; short?: string }> {
  return Object.fromEntries(
    flags.map(({ name, value, short }) => [
      name,
      { type: value === null ? "boolean" : "string", ...(short === undefined ? {} : { short }) },
    ]),
  );
}

/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" | "version" }
  | { readonly kind: "demo"; readonly keep: boolean }
  | { readonly kind: "run" | "check"; readonly source: SettingsSource }
  | { readonly kind: "wrong"; readonly problems: readonly Problem[] };

/** Where the settings come from. With a file, what is given takes the place of what the file says. */
export interface SettingsSource {
  /** Null: everything is given. */
  readonly file: string | null;
  readonly given: readonly Given[];
}

/** Reads the arguments. What the values mean is checked by {@link loadSettings}. */
export function parseCommand(tokens: readonly ArgToken[]): Command {
  const problems: Problem[] = [];
  const used = new Map<Flag, (string | true)[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const flag = flags.find(({ name }) => name === token.name);
    const wrong = wrongWith(token, flag);
    if (wrong !== null) problems.push({ where: token.rawName, what: wrong });
    else if (flag !== undefined) used.set(flag, [...(used.get(flag) ?? []), token.value ?? true]);
  }
  const value = (name: string) => [...used].find(([flag]) => flag.name === name)?.[1][0];
  if (value("help") !== undefined || words[0] === "help") return { kind: "help" };
  if (value("version") !== undefined) return { kind: "version" };

  // The value of a mistyped flag looks like a target, and a target is then missing or one too many.
  const sure = problems.length === 0;
  const kind = words[0] === "check" || words[0] === "demo" ? words[0] : "run";
  const targets = kind === "run" ? words : words.slice(1);
  const config = value("config");
  for (const [flag, values] of used) {
    const wrong = misplaced(flag, kind, config !== undefined);
    if (wrong !== null) problems.push({ where: `--${flag.name}`, what: wrong });
    else if (values.length > 1 && !flag.repeats) {
      problems.push({ where: `--${flag.name}`, what: "is given more than once; remove one of them" });
    }
  }
  const wrong = wrongTargets(targets, kind, config !== undefined);
  if (wrong !== null && sure) problems.push({ where: "TARGET", what: wrong });

  const given: Given[] = targets.length === 0 ? [] : [{ path: "backends[].target", value: targets[0], flag: "TARGET" }];
  for (const [flag, values] of used) {
    for (const text of values) {
      const fields = givenBy(flag, text);
      if ("error" in fields) problems.push({ where: `--${flag.name}`, what: fields.error });
      else given.push(...fields.fields);
    }
  }
  if (problems.length > 0) return { kind: "wrong", problems };
  if (kind === "demo") return { kind, keep: value("keep") !== undefined };
  return { kind, source: { file: typeof config === "string" ? config : null, given } };
}

/** @throws (rejects) when the configuration file itself cannot be read */
export async function loadSettings({ file, given }: SettingsSource, access: FileAccess): Promise<Loaded> {
  if (file !== null) return loadText(file, await access.readText(file), given, access);
  const places = flagPlaces();
  return loadTree(new Document(treeOf(given)), places, "", createReport(places), access);
}

function wrongWith(token: OptionToken, flag: Flag | undefined): string | null {
  if (flag === undefined) {
    const guess = nearest(
      token.name,
      flags.map(({ name }) => name),
    );
    return `is unknown; ${guess === null ? "--help lists the flags" : `did you mean --${guess}?`}`;
  }
  if (flag.value === null) return token.value === undefined ? null : "takes no value";
  // parseArgs takes the next argument whatever it is.
  const next = token.inlineValue !== true && token.value?.startsWith("-");
  return token.value === undefined || token.value === "" || next ? `needs a value: --${flag.name} ${flag.value}` : null;
}

function misplaced(flag: Flag, kind: "run" | "check" | "demo", config: boolean): string | null {
  if (kind === "demo") return flag.name === "keep" ? null : "does not go with `fairlead demo`";
  if (flag.name === "keep") return "goes with `fairlead demo` only";
  if (!config || flag.path === null || flag.withConfig === true) return null;
  return `does not go with --config; write it into the file: ${flag.path}`;
}

function wrongTargets(targets: readonly string[], kind: "run" | "check" | "demo", config: boolean): string | null {
  if (targets.length > 0 && kind === "demo") return "does not go with `fairlead demo`";
  if (targets.length > 0 && config) return "does not go with --config; write it into the file: backends[].target";
  if (targets.length > 1) return "is given more than once; write several addresses as one: ipv4:a:port,b:port";
  if (targets.length > 0 || config || kind === "demo") return null;
  return "is missing; say where the pods are, such as dns:///my-service:50051, or use --config; --help says more";
}
