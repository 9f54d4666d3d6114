import type { Browser } from "playwright-core";
import { expect } from "vitest";
import { findChromium, launchChromium } from "./chromium.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { type BrowserGateway, startBrowserGateway } from "./gateway.ts";
import { bundlePage, type Site, startSite } from "./site.ts";
import { type Visitor, visit } from "./visitor.ts";

/** Everything that a test of the suite needs: pods, gateway, pages on an origin of their own, and a browser. */
export interface Stage {
  readonly fleet: Fleet;
  readonly gateway: BrowserGateway;
  readonly browser: Browser;
  /** A tab of the page, on the origin that may call. */
  readonly visitor: Visitor;
  /** A tab of the same page on an origin that may not. */
  readonly stranger: Visitor;
  /** Ends everything; no call may be outstanding then. */
  close(): Promise<void>;
}

/** Times that the gauge is read again until a cancel that is on its way has come. */
const READS = 200;

export const chromium = await findChromium();
if ("missing" in chromium) console.warn(`skipped: the browser suite: ${chromium.missing}`);

export async function startStage(): Promise<Stage> {
  if ("missing" in chromium) throw new Error(chromium.missing);
  const closing: (() => unknown)[] = [];
  const close = async () => {
    for (const one of closing.reverse()) await one();
  };
  try {
    const fleet = await startFleet(3);
    closing.push(fleet.close);
    const script = await bundlePage();
    const site: Site = await startSite(script);
    closing.push(site.close);
    const elsewhere = await startSite(script);
    closing.push(elsewhere.close);
    const gateway = await startBrowserGateway(fleet.target, site.origin);
    closing.push(async () => expect(await gateway.stop()).toBe(0));
    const browser = await launchChromium(chromium.path, [gateway.trusted]);
    closing.push(() => browser.close());
    const visitor = await visit(browser, site.origin);
    const stranger = await visit(browser, elsewhere.origin);
    return {
      fleet,
      gateway,
      browser,
      visitor,
      stranger,
      close: async () => {
        let outstanding = -1;
        for (let read = 0; read < READS && outstanding !== 0; read++) outstanding = await gateway.outstanding();
        await close();
        expect(outstanding, "calls outstanding at the end").toBe(0);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
