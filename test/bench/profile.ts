import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { firstCall } from "./call.ts";
import { openWorkshop } from "./children.ts";
import { FAIRLEAD, fillCommand } from "./command.ts";
import { type CpuProfile, type ProfileSummary, type Share, summarise } from "./cpuprofile.ts";
import { load, parseShape, shapeName } from "./load.ts";
import { startPods } from "./pods.ts";
import { freePorts } from "./ports.ts";
import { usage } from "./proc.ts";

const HELP = `Where the time of a call goes: runs a Node program in front of two nghttpd, warms it up, profiles it under load.
  npx tsx test/bench/profile.ts [--shape 8x16] [--calls 100000] [--warmup 30000] [--top 30] [--lines] [--keep FILE] [--command CMD]
  --command   what to run instead of dist/main.js; {port}, {admin}, {a} and {b} (the pods' ports) are filled in, the program must be node
  --lines     the busiest source lines too
  --keep      writes the .cpuprofile there, for Chromium's or an editor's viewer`;

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      shape: { type: "string", default: "8x16" },
      calls: { type: "string", default: "100000" },
      warmup: { type: "string", default: "30000" },
      top: { type: "string", default: "30" },
      lines: { type: "boolean", default: false },
      keep: { type: "string" },
      command: { type: "string", default: FAIRLEAD },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const shape = parseShape(values.shape);
  const calls = Number(values.calls);
  const workshop = openWorkshop();
  const out: string[] = [];
  try {
    const pods = (await startPods(workshop)).ports;
    const [port, admin] = await freePorts(2);
    const command = fillCommand(values.command, { port, admin, pods });
    const file = join(workshop.folder, "profile.cpuprofile");
    const since = performance.now();
    const proxy = workshop.start({
      name: "profiled",
      argv: [
        command.argv[0],
        "--import",
        fileURLToPath(new URL("./profiler.mjs", import.meta.url)),
        ...command.argv.slice(1),
      ],
      env: { ...command.env, PROFILE_FILE: file },
      // Not pinned: V8's sampler is a thread of the same process and sees next to nothing when it shares the only core.
      core: "any",
    });
    await firstCall(proxy, port, since);
    await load(workshop, port, { ...shape, calls: Number(values.warmup) });
    const bare = await costOf(proxy.pid, calls, () => load(workshop, port, { ...shape, calls }));
    proxy.signal("SIGUSR2");
    await appears(`${file}.started`);
    const from = microseconds();
    const profiled = await costOf(proxy.pid, calls, () => load(workshop, port, { ...shape, calls }));
    const to = microseconds();
    proxy.signal("SIGUSR2");
    await appears(`${file}.done`);
    const text = readFileSync(file, "utf8");
    if (values.keep !== undefined) writeFileSync(values.keep, text);
    const profile = JSON.parse(text) as CpuProfile;
    out.push(
      `${shapeName(shape)}, ${calls} calls: ${bare.toFixed(1)} us of CPU per call, ${profiled.toFixed(1)} us while profiled`,
      ...render(summarise(profile, root, [from, to]), Number(values.top), values.lines),
    );
  } finally {
    await workshop.close();
  }
  console.log(out.join("\n"));
}

function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

async function costOf(pid: number, calls: number, run: () => Promise<unknown>): Promise<number> {
  const before = usage(pid).cpuNs;
  await run();
  return (usage(pid).cpuNs - before) / 1000 / calls;
}

async function appears(path: string): Promise<void> {
  for (let tries = 0; !existsSync(path); tries++) {
    // 10 s: a profile of seconds is written in well under one.
    if (tries > 1000) throw new Error("the profiled program did not answer SIGUSR2: is it Node?");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function render(summary: ProfileSummary, top: number, lines: boolean): string[] {
  return [
    `busy ${summary.busyMs.toFixed(0)} ms, idle ${summary.idleMs.toFixed(0)} ms; shares are of the busy time`,
    "(what the event loop itself does, its read system calls above all, counts as idle in V8's profile)",
    ...table("function, self time", summary.functions.slice(0, top)),
    ...table("file", summary.files.slice(0, 15)),
    ...(lines ? table("line", summary.lines.slice(0, top)) : []),
  ];
}

function table(title: string, shares: readonly Share[]): string[] {
  return [
    "",
    `  self  ${title}`,
    ...shares.map(({ name, share }) => `${(share * 100).toFixed(1).padStart(5)}%  ${name}`),
  ];
}

process.exitCode = await main().then(
  () => 0,
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  },
);
