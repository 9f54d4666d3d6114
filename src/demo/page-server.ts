import type { GatewayView } from "../admin/view.ts";
import type { ReadText } from "../runtime/machine.ts";
import { type Serving, serve } from "../runtime/serve.ts";
import type { Pod } from "./pods.ts";

/** The demo's page: a gallery of protocols for a browser, on an origin of its own. */
export interface DemoPage {
  readonly url: string;
  /** Where the page comes from: what the gateway must allow. Both names that people type. */
  readonly origins: readonly string[];
  /** Until it is called the page waits. */
  show(state: PageState): void;
  close(): Promise<void>;
}

/** What the page asks for again and again. */
export interface PageState {
  readonly view: GatewayView;
  readonly pods: readonly Pod[];
  readonly slow: Pod;
  /** The pods that DNS names now. */
  inDns(): ReadonlySet<Pod>;
}

/** The files beside this one, as they are. They are written by hand and not built. */
const FILES: Readonly<Record<string, string>> = {
  "index.html": "text/html",
  "style.css": "text/css",
  "gallery.js": "text/javascript",
  "protocols.js": "text/javascript",
  "record.js": "text/javascript",
  "wire.js": "text/javascript",
};

/** @throws (rejects) when a file of the page is missing or the port cannot be had */
export async function servePage(readText: ReadText): Promise<DemoPage> {
  const texts = new Map<string, string>();
  for (const name of Object.keys(FILES)) texts.set(name, await readText(pathOf(name)));
  let state: PageState | null = null;

  const respond = ({ method, url }: Request): Response => {
    const name = new URL(url).pathname.slice(1) || "index.html";
    if (method !== "GET") return new Response(null, { status: 405, headers: { allow: "GET" } });
    if (name === "pods.json") return Response.json(describe(state), { headers: { "cache-control": "no-store" } });
    const text = texts.get(name);
    if (text === undefined) return new Response("not found\n", { status: 404 });
    return new Response(text, {
      headers: {
        "content-type": `${FILES[name]}; charset=utf-8`,
        "cache-control": "no-store",
        // Nothing from anywhere else, and calls to loopback only: the gateway's port is not known yet when the page is loaded.
        "content-security-policy":
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' http://127.0.0.1:*",
      },
    });
  };
  const serving: Serving = await serve(respond, "127.0.0.1", 0);
  return {
    url: `http://127.0.0.1:${serving.port}/`,
    origins: [`http://127.0.0.1:${serving.port}`, `http://localhost:${serving.port}`],
    show: (given) => {
      state = given;
    },
    close: () => serving.close(),
  };
}

function pathOf(name: string): string {
  return decodeURIComponent(new URL(`./page/${name}`, import.meta.url).pathname);
}

function describe(state: PageState | null): unknown {
  if (state === null) return { gateway: "", pods: [] };
  const [{ host, port }] = state.view.listeners();
  const outstanding = new Map<string, number>();
  for (const { endpoints } of state.view.backends()) {
    for (const endpoint of endpoints) outstanding.set(endpoint.address, endpoint.outstanding);
  }
  const inDns = state.inDns();
  return {
    gateway: `http://${host}:${port}`,
    pods: state.pods
      .filter((pod) => inDns.has(pod) || pod.calls > 0)
      .map((pod) => ({
        name: pod.name,
        address: `${pod.host}:${pod.port}`,
        slow: pod === state.slow,
        inDns: inDns.has(pod),
        calls: pod.calls,
        cancelled: pod.cancelled,
        outstanding: outstanding.get(`${pod.host}:${pod.port}`) ?? 0,
      })),
  };
}
