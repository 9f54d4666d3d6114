/** A line of a Containerfile, its continuation lines joined. */
export type Step =
  | { readonly kind: "workdir"; readonly path: string }
  | { readonly kind: "copy"; readonly from: string | null; readonly sources: readonly string[]; readonly to: string }
  | { readonly kind: "run"; readonly script: string }
  | { readonly kind: "env"; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: "user"; readonly uid: number; readonly gid: number }
  | { readonly kind: "expose"; readonly ports: readonly number[] }
  | { readonly kind: "stopsignal"; readonly signal: string }
  | { readonly kind: "entrypoint"; readonly command: readonly string[] };

export interface Stage {
  /** `scratch` is the empty image. */
  readonly image: string;
  readonly name: string | null;
  readonly steps: readonly Step[];
}

/**
 * Reads what our Containerfiles use of the format (https://docs.docker.com/reference/dockerfile/), and nothing else: what it
 * does not know it refuses, so that no step is left out in silence.
 * @throws Error with the line when it is not understood
 */
export function parseContainerfile(text: string): Stage[] {
  const stages: { image: string; name: string | null; steps: Step[] }[] = [];
  for (const line of joinLines(text)) {
    const [, word = "", rest = ""] = /^(\w+)\s+(.*)$/s.exec(line) ?? [];
    if (word.toUpperCase() === "FROM") {
      const from = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest);
      if (from === null) throw new Error(`not understood: ${line}`);
      stages.push({ image: from[1], name: from[2] ?? null, steps: [] });
      continue;
    }
    const step = parseStep(word.toUpperCase(), rest);
    const stage = stages.at(-1);
    if (step === null || stage === undefined) throw new Error(`not understood: ${line}`);
    stage.steps.push(step);
  }
  return stages;
}

function joinLines(text: string): string[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  return lines.join("\n").replaceAll(/\\\n/g, "").split("\n");
}

function parseStep(word: string, rest: string): Step | null {
  switch (word) {
    case "WORKDIR":
      return { kind: "workdir", path: rest };
    case "RUN":
      return { kind: "run", script: rest };
    case "COPY":
      return parseCopy(rest.split(/\s+/));
    case "ENV":
      return { kind: "env", values: Object.fromEntries(rest.split(/\s+/).map((pair) => pair.split("=", 2))) };
    case "USER": {
      // Numbers only: Kubernetes cannot tell whether a name is root (runAsNonRoot).
      const user = /^(\d+):(\d+)$/.exec(rest);
      return user === null ? null : { kind: "user", uid: Number(user[1]), gid: Number(user[2]) };
    }
    case "EXPOSE":
      return { kind: "expose", ports: rest.split(/\s+/).map(Number) };
    case "STOPSIGNAL":
      return { kind: "stopsignal", signal: rest };
    case "ENTRYPOINT":
      // The shell form would need a shell.
      return rest.startsWith("[") ? { kind: "entrypoint", command: JSON.parse(rest) as string[] } : null;
  }
  return null;
}

function parseCopy(words: readonly string[]): Step | null {
  const flags = words.filter((word) => word.startsWith("--"));
  const paths = words.filter((word) => !word.startsWith("--"));
  const from = flags.length === 1 ? /^--from=(\S+)$/.exec(flags[0]) : null;
  if (flags.length > 0 && from === null) return null;
  const to = paths.pop();
  return to === undefined || paths.length === 0 ? null : { kind: "copy", from: from?.[1] ?? null, sources: paths, to };
}

/** What a container of the image starts with. @throws Error when the last stage does not say */
export function startOf(stages: readonly Stage[]): {
  readonly command: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly ports: readonly number[];
  readonly stopSignal: string;
} {
  const steps = stages.at(-1)?.steps ?? [];
  const last = <K extends Step["kind"]>(kind: K) =>
    steps.findLast((step): step is Extract<Step, { kind: K }> => step.kind === kind);
  const command = last("entrypoint")?.command;
  const user = last("user");
  if (command === undefined || user === undefined) throw new Error("the last stage needs ENTRYPOINT and USER");
  const env = steps.flatMap((step) => (step.kind === "env" ? Object.entries(step.values) : []));
  return {
    command,
    uid: user.uid,
    gid: user.gid,
    env: Object.fromEntries(env),
    workdir: last("workdir")?.path ?? "/",
    ports: last("expose")?.ports ?? [],
    stopSignal: last("stopsignal")?.signal ?? "SIGTERM",
  };
}
