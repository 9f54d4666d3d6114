import type { Browser, Page as Tab } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Child, startChild } from "../e2e/support/child.ts";
import { gatewayRuntime } from "../e2e/support/gateway.ts";
import { on } from "../e2e/support/runtimes.ts";
import { findChromium, launchChromium } from "./support/chromium.ts";

/** The demo's page, button by button, as a visitor uses it. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 500_000 });

const chromium = await findChromium();
if ("missing" in chromium) console.warn(`skipped: the demo's page: ${chromium.missing}`);

const MAIN = process.env.FAIRLEAD_MAIN ?? "src/main.ts";
const complaints: string[] = [];
let demo: Child;
let browser: Browser;
let tab: Tab;

beforeAll(async () => {
  if ("missing" in chromium) return;
  const { program, args } = on(gatewayRuntime(), MAIN);
  demo = startChild("demo", program, [...args, "demo", "--keep"]);
  browser = await launchChromium(chromium.path);
  tab = await (await browser.newContext()).newPage();
  tab.on("pageerror", (error) => complaints.push(error.message));
  await tab.goto(await printedUrl());
  await tab.locator("body[data-ready]").waitFor();
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop("SIGINT");
});

/** The demo's output is for people, and so the page's URL stands in it. */
async function printedUrl(): Promise<string> {
  let ended = false;
  void demo.exited.then(() => {
    ended = true;
  });
  while (!ended) {
    const url = /A page .*: (http:\S+)/.exec(demo.output())?.[1];
    if (url !== undefined) return url;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`the demo ended: ${demo.output()}`);
}

/** Presses and waits for the end. @returns what the button says then */
async function press(button: string): Promise<string> {
  await tab.locator(`#${button}`).click();
  await tab.locator(`#${button}[data-state="done"], #${button}[data-state="failed"]`).waitFor({ timeout: 60_000 });
  return (await tab.locator(`#${button} .outcome`).textContent()) ?? "";
}

const sent = () => tab.locator("#sent").textContent();
const came = () => tab.locator("#came").textContent();
const read = () => tab.locator("#read li").allTextContents();

const BUTTONS: readonly (readonly [button: string, sent: RegExp, came: RegExp, read: RegExp])[] = [
  ["connectJson", /^POST .*\/Echo\ncontent-type: application\/json/, /^200/, /"pod":"pod-\d"/],
  ["connectBinary", /content-type: application\/proto/, /content-type: application\/proto/, /"pod":"pod-\d"/],
  ["connectGet", /^GET .*encoding=json&message=/, /^200/, /"pod":"pod-\d"/],
  ["grpcWebBinary", /content-type: application\/grpc-web\+proto/, /grpc-status: 0/, /"pod":"pod-\d".*grpc-status: 0/],
  ["grpcWebText", /content-type: application\/grpc-web-text/, /AAAA/, /"pod":"pod-\d".*grpc-status: 0/],
  ["errorWithDetails", /\/Fail\n/, /^400/, /"failed_precondition".*"pod":"pod-\d"/],
];

describe.skipIf("missing" in chromium)("demo's page", () => {
  test("pods: the page shows those that DNS names, and that they are called", async () => {
    const pods = tab.locator("#pods .pod:not(.out)");
    await pods.nth(2).waitFor();
    expect(await pods.locator("h3").allTextContents()).toEqual(
      expect.arrayContaining([expect.stringMatching(/^pod-\d/)]),
    );
    await tab.locator("#pod-1 dd.calls", { hasNotText: /^0$/ }).waitFor();
  });

  test.each(BUTTONS)(
    "%s: a pod answers, and the page shows what went over the wire",
    async (button, out, back, messages) => {
      const outcome = await press(button);
      expect(outcome).toMatch(/^pod-\d · \d+ ms$/);
      expect(await sent()).toMatch(out);
      expect(await came()).toMatch(back);
      expect((await read()).join(" ")).toMatch(messages);
      expect(await tab.locator("#code").textContent()).toContain(`function ${button}(`);
      const pod = outcome.slice(0, 5);
      expect(Number(await tab.locator(`#${pod} dd.mine`).textContent())).toBeGreaterThan(0);
    },
  );

  test("server stream: eight messages of one pod, in several pieces, and the end", async () => {
    await press("serverStream");
    const lines = await read();
    expect(lines).toHaveLength(9);
    expect(lines.slice(0, 8).map((line) => JSON.parse(line).number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(new Set(lines.slice(0, 8).map((line) => JSON.parse(line).pod)).size).toBe(1);
    expect(lines[8]).toBe("{}");
    expect(await tab.locator("#came .chunk").count()).toBeGreaterThan(1);
  });

  test("abort: the pod says that it saw the cancel", async () => {
    expect(await press("abortedStream")).toMatch(/^pod-\d saw the cancel$/);
    const lines = await read();
    expect(lines.slice(0, 3).map((line) => JSON.parse(line).number)).toEqual([1, 2, 3]);
    expect(lines.at(-1)).toMatch(/^pod-\d saw the cancel/);
  });

  test("nothing went wrong in the page itself", () => {
    expect(complaints).toEqual([]);
  });
});
