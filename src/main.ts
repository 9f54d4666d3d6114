#!/usr/bin/env node
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { createAdminApp } from "./admin/app.ts";
import { createLog } from "./admin/log.ts";
import type { ProcessView } from "./admin/process-view.ts";
import type { GatewayView } from "./admin/view.ts";
import { argOptions, loadSettings, parseCommand, type SettingsSource } from "./config/command-line.ts";
import { rules } from "./config/defaults.ts";
import { helpText } from "./config/flags.ts";
import { formatProblem, type Problem } from "./config/report.ts";
import type { Settings } from "./config/settings.ts";
import { createGateway } from "./create-gateway.ts";
import { createMachine } from "./runtime/create-machine.ts";
import type { Log, Machine } from "./runtime/machine.ts";
import { serve } from "./runtime/serve.ts";
import { onSignal, type Signal } from "./runtime/signals.ts";
import { standardTerminal } from "./runtime/terminal.ts";

/** What each exit code means; told by --help too. */
const exit = { ok: 0, failed: 1, wrongConfiguration: 2, signal: { SIGINT: 130, SIGTERM: 143 } } as const;

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`fairlead: ${oneLine(error)}\n`);
    process.exit(exit.failed);
  },
);

async function main(args: string[]): Promise<number> {
  const command = parseCommand(
    parseArgs({ args, options: argOptions(), strict: false, tokens: true, allowPositionals: true }).tokens,
  );
  const machine = createMachine();
  switch (command.kind) {
    case "help":
      process.stdout.write(helpText());
      return exit.ok;
    case "version":
      process.stdout.write(`fairlead ${version()}\n`);
      return exit.ok;
    case "wrong":
      return complain(command.problems);
    case "demo": {
      // Only now, because the demo brings a client and servers of its own.
      const { runDemo } = await import("./demo/demo.ts");
      const serveAdmin = (view: GatewayView) => serve(createAdminApp(view, thisProcess()).fetch, "127.0.0.1", 0);
      return runDemo({ keep: command.keep }, { machine, terminal: standardTerminal(), createGateway, serveAdmin });
    }
    case "check":
    case "run": {
      const loaded = await loadSettings(command.source, { ...machine, isPair });
      if ("problems" in loaded) return complain(loaded.problems);
      return command.kind === "run" ? run(loaded.settings, machine) : checked(command.source, loaded.settings);
    }
  }
}

/** Runs the gateway until a signal comes, and drains it then. */
async function run(settings: Settings, machine: Machine): Promise<number> {
  const signalled = firstSignal();
  const log = createLog(settings.log, standardError(), machine.clock, machine.soon);
  process.on("exit", log.flush);

  const gateway = createGateway(settings, machine, log);
  const app = createAdminApp(gateway.view, thisProcess());
  const admin = settings.admin === null ? null : await serve(app.fetch, settings.admin.host, settings.admin.port);
  await gateway.start();
  sayWhere(settings, gateway.view, admin, log);

  const signal = await signalled;
  log.info("draining", { signal, note: "a second signal ends at once" });
  const clean = await gateway.drain();
  if (!clean) log.warn("drain timeout reached; the calls that were left have been ended");
  await gateway.close();
  // Last, so that probes see the drain to its end.
  await admin?.close();
  log.info("stopped");
  return exit.ok;
}

/** The first signal to come. From then on the next one ends the process at once. */
function firstSignal(): Promise<Signal> {
  return new Promise((resolve) => {
    let seen = false;
    onSignal((signal) => {
      if (seen) process.exit(exit.signal[signal]);
      seen = true;
      resolve(signal);
    });
  });
}

function sayWhere(
  settings: Settings,
  view: GatewayView,
  admin: { readonly host: string; readonly port: number } | null,
  log: Log,
): void {
  for (const { name, host, port, tls } of view.listeners()) {
    const usual = host === rules["Listener.address"].default && port === rules["Listener.port"].default;
    log.info("listening", { listener: name, host, port, tls, ...(usual ? { note: "the default" } : {}) });
  }
  if (admin !== null) log.info("admin pages", { url: `http://${admin.host}:${admin.port}/` });
  for (const { name, target, policy } of settings.backends) log.info("backend", { backend: name, target, policy });
}

function complain(problems: readonly Problem[]): number {
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  return exit.wrongConfiguration;
}

function checked({ file }: SettingsSource, { listeners, routes, backends }: Settings): number {
  const count = (things: readonly unknown[], one: string) => `${things.length} ${one}${things.length === 1 ? "" : "s"}`;
  const counts = [count(listeners, "listener"), count(routes, "route"), count(backends, "backend")].join(", ");
  process.stdout.write(`${file ?? "the flags"}: nothing is wrong (${counts})\n`);
  return exit.ok;
}

function isPair(cert: string, key: string): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

function standardError(): { write(text: string): void; readonly isTTY: boolean } {
  // A reader that is gone must not end the gateway.
  process.stderr.on("error", () => {});
  return { write: (text) => process.stderr.write(text), isTTY: process.stderr.isTTY === true };
}

function thisProcess(): ProcessView {
  const { deno, bun, node } = process.versions as Partial<Record<string, string>>;
  return {
    version: version(),
    runtime: deno !== undefined ? `deno ${deno}` : bun !== undefined ? `bun ${bun}` : `node ${node}`,
    startTime: Date.now() / 1000 - process.uptime(),
    cpuSeconds: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
    residentBytes: () => process.memoryUsage.rss(),
    heapBytes: () => process.memoryUsage().heapUsed,
  };
}

/** package.json stands beside both src/ and dist/. */
function version(): string {
  return JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, " ");
}
