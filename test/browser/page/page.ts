import { callByConnect } from "./connect-clients.ts";
import { callByGrpcWeb } from "./grpc-web-client.ts";
import { fetchRaw, xhrRaw } from "./raw.ts";
import type { CallSpec, Outcome, PageEvent } from "./spec.ts";
import { upload } from "./upload.ts";

/** The page's script: what the test can ask of it, as `window.page`. */

declare global {
  interface Window {
    /** The test's ear. */
    report(event: PageEvent): Promise<void>;
    page: typeof page;
  }
}

/** Calls that can be aborted, by name. */
const open = new Map<string, AbortController>();

const page = {
  call(spec: CallSpec): Promise<Outcome> {
    const name = spec.request.text;
    const controller = new AbortController();
    open.set(name, controller);
    const report = (what: string) => void window.report({ call: name, what });
    const call = spec.client.startsWith("grpc-web") ? callByGrpcWeb : callByConnect;
    return call(spec, controller.signal, report).finally(() => open.delete(name));
  },
  abort(name: string): void {
    open.get(name)?.abort();
  },
  fetchRaw,
  xhrRaw,
  upload,
};
window.page = page;
export type Page = typeof page;
