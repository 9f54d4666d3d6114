import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { clientsOf } from "./clients.ts";
import { manyPods } from "./pods.ts";
import { root } from "./results.ts";

function run(...args: string[]) {
  const argv = ["--import", "tsx", join(root, "test/scaling/run.ts"), ...args];
  return spawnSync(process.execPath, argv, { cwd: root, encoding: "utf8" });
}

describe("npm run scaling", () => {
  test("--only print: the page as it is in docs/", () => {
    const { status, stdout } = run("--only", "print");
    expect(status).toBe(0);
    expect(stdout).toBe(`${readFileSync(join(root, "docs/scaling.md"), "utf8")}\n`);
  });

  test.each(["--only nothing", "--seed x", "--what"])("%s: says how it is used", (args) => {
    const { status, stderr } = run(...args.split(" "));
    expect(status).toBeGreaterThan(0);
    expect(stderr).toContain("usage: npm run scaling");
  });
});

describe("what is measured with", () => {
  test("clients' calls reach the pods, and those that are held stay open until the client goes", async () => {
    const pods = await manyPods(3);
    const [first] = pods.target.replace("ipv4:", "").split(",");
    const clients = clientsOf(`http://${first}`);
    onTestFinished(() => {
      clients.close();
      pods.close();
    });
    await clients.open(4);
    await clients.call(10);
    expect(clients.size).toBe(4);
    expect(pods.connections).toBe(4);
    expect(await clients.trickle(1, 50, () => 0.5)).toBeGreaterThan(0);
    clients.hold(5);
    await expect.poll(() => pods.held).toBe(20);
    clients.close();
    await expect.poll(() => [pods.held, pods.connections]).toEqual([0, 0]);
  });
});
