import type { Browser, BrowserContext, CDPSession, Page as Tab } from "playwright-core";
import type {} from "../page/page.ts";
import type { CallSpec, Outcome, PageEvent } from "../page/spec.ts";

/** A tab of the suite's page, in a profile of its own. */
export interface Visitor {
  readonly tab: Tab;
  call(spec: CallSpec): Promise<Outcome>;
  /** The event, past or future. */
  event(call: string, what: string): Promise<void>;
  /** Everything that was reported, in order. */
  readonly events: readonly PageEvent[];
  /** What the browser sent to this URL and below, in order, once each has its answer. Preflights are requests of their own. */
  requests(url: string): Promise<readonly SentRequest[]>;
  close(): Promise<void>;
}

export interface SentRequest {
  readonly url: string;
  readonly method: string;
  /** `h2`, `http/1.1`, `none` when there was no answer; null until that is known. */
  protocol: string | null;
  /** The browser took the answer out of its own cache. */
  cached: boolean;
}

export async function visit(browser: Browser, url: string): Promise<Visitor> {
  const context = await browser.newContext();
  const events: PageEvent[] = [];
  const waiters = new Set<() => void>();
  const until = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const waiter = () => {
        const found = look();
        if (found === undefined) return;
        waiters.delete(waiter);
        resolve(found);
      };
      waiters.add(waiter);
      waiter();
    });
  await context.exposeBinding("report", (_source, event: PageEvent) => {
    events.push(event);
    for (const waiter of [...waiters]) waiter();
  });
  const tab = await context.newPage();
  const requests = await watchRequests(context, tab, () => {
    for (const waiter of [...waiters]) waiter();
  });
  await tab.goto(url);
  return {
    tab,
    events,
    call: (spec) =>
      tab.evaluate(
        (spec: unknown): Promise<unknown> => window.page.call(spec as CallSpec),
        spec as unknown,
      ) as Promise<Outcome>,
    event: async (call, what) =>
      void (await until(() => events.find((event) => event.call === call && event.what === what))),
    // The test may hear of an answer from the page before it hears of it from DevTools.
    requests: (url) =>
      until(() => {
        const those = requests.filter((request) => request.url.startsWith(url));
        return those.every(({ protocol }) => protocol !== null) ? those : undefined;
      }),
    close: () => context.close(),
  };
}

/** By DevTools' protocol: playwright's own events leave out preflights and HTTP versions. */
async function watchRequests(context: BrowserContext, tab: Tab, changed: () => void): Promise<readonly SentRequest[]> {
  const requests = new Map<string, SentRequest>();
  const all: SentRequest[] = [];
  const session: CDPSession = await context.newCDPSession(tab);
  session.on("Network.requestWillBeSent", ({ requestId, request }) => {
    const sent = { url: request.url, method: request.method, protocol: null, cached: false };
    requests.set(requestId, sent);
    all.push(sent);
  });
  session.on("Network.requestServedFromCache", ({ requestId }) => {
    const sent = requests.get(requestId);
    if (sent !== undefined) sent.cached = true;
    changed();
  });
  session.on("Network.responseReceived", ({ requestId, response }) => {
    const sent = requests.get(requestId);
    if (sent === undefined) return;
    sent.protocol = response.protocol ?? null;
    if (response.fromDiskCache === true) sent.cached = true;
    changed();
  });
  session.on("Network.loadingFailed", ({ requestId }) => {
    const sent = requests.get(requestId);
    if (sent !== undefined) sent.protocol ??= "none";
    changed();
  });
  await session.send("Network.enable");
  return all;
}
