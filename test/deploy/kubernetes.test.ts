import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { argOptions, loadSettings, parseCommand } from "../../src/config/command-line.ts";
import { createTestMachine } from "../support/harness.ts";

interface Container {
  readonly args: string[];
  readonly ports: { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
}

interface Deployment {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: Container[] };
    };
  };
}

const file = join(import.meta.dirname, "../../deploy/kubernetes.yaml");
const objects = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as Deployment);

describe("deploy/kubernetes.yaml", () => {
  test("the arguments are a command line that starts, on the ports that the container names", async () => {
    const deployment = objects.find(({ kind }) => kind === "Deployment") as Deployment;
    const { spec } = deployment.spec.template;
    const [container] = spec.containers;
    const parsed = parseArgs({
      args: container.args,
      options: argOptions(),
      strict: false,
      tokens: true,
      allowPositionals: true,
    });
    const command = parseCommand(parsed.tokens);
    if (command.kind !== "run") throw new Error(`the command is ${command.kind}`);
    const loaded = await loadSettings(command.source, createTestMachine());
    if ("problems" in loaded) throw new Error(JSON.stringify(loaded.problems));
    const { listeners, admin, drainDelay, drainTimeout } = loaded.settings;
    const port = (name: string) => container.ports.find((named) => named.name === name)?.containerPort;
    expect([listeners[0].port, admin?.port]).toEqual([port("rpc"), port("admin")]);
    expect(container.readinessProbe.httpGet).toEqual({ path: "/readyz", port: "admin" });
    // Kubernetes kills what has not ended by then.
    expect((drainDelay + drainTimeout) / 1000).toBeLessThan(spec.terminationGracePeriodSeconds);
  });
});
