import { html, raw } from "hono/html";
import { codeNames } from "../protocols/code-names.ts";
import type { ProcessView } from "./process-view.ts";
import { readiness } from "./readiness.ts";
import type { BackendView, GatewayView } from "./view.ts";

/** How often the page asks for itself, milliseconds: about as fast as one reads. */
const refresh = 1000;

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 0; }
p { margin: .2rem 0 .6rem; opacity: .75; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid #8884; font-weight: normal; }
th { opacity: .6; } th:first-child, td:first-child { text-align: left; }
td.wrong { color: #c33; } meter { width: 8rem; }
#gone { color: #c33; }
`;

// Replaces the part that changes, so that the page neither flickers nor scrolls. Without scripts it still shows the state.
const script = `
setInterval(async () => {
  const gone = document.getElementById("gone");
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
    document.getElementById("state").replaceWith(page.getElementById("state"));
    gone.textContent = "";
  } catch { gone.textContent = "The gateway does not answer any more."; }
}, ${refresh});
`;

/** Nothing is loaded from anywhere, and nothing but our own style and script runs. */
export const pagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

/** The page for people: what each endpoint is doing, now. */
export function statePage(view: GatewayView, running: ProcessView) {
  const now = readiness(view);
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Fairlead</title>
<style>${raw(style)}</style>
<h1>Fairlead ${running.version}</h1>
<p id="gone"></p>
<main id="state">
<p>${now.ready ? "ready" : `not ready: ${now.reason}`} · ${running.runtime}</p>
${view.listeners().map((listener) => html`<p>${listener.name}: ${listener.tls ? "TLS" : "plaintext"}, ${listener.connections} connections</p>`)}
${view.backends().map(backendSection)}
</main>
<script>${raw(script)}</script>
</html>`;
}

function backendSection(backend: BackendView) {
  const total = sum(backend.calls);
  const picks = sum(backend.endpoints.map((endpoint) => endpoint.picks));
  const most = Math.max(1, ...backend.endpoints.map((endpoint) => endpoint.outstanding));
  const codes = backend.calls.flatMap((count, code) => (code > 0 && count > 0 ? [`${count} ${codeNames[code]}`] : []));
  const resolutions = Object.entries(backend.resolutions).flatMap(([outcome, count]) =>
    count > 0 ? [`${count} ${outcome}`] : [],
  );
  return html`<h2>${backend.name}</h2>
<p>${backend.target} · ${total} calls${codes.length > 0 ? ` (${codes.join(", ")})` : ""} · ${backend.pending} pending ·
${backend.retries} retries · resolutions: ${resolutions.join(", ") || "none"}</p>
<table>
<tr><th>endpoint<th>state<th>outstanding<th><th>calls<th>share<th>connections<th>connect failures
${backend.endpoints.map(
  (
    endpoint,
  ) => html`<tr><td>${endpoint.address}<td class="${endpoint.state === "ready" ? "" : "wrong"}">${endpoint.state}
<td>${endpoint.outstanding}<td><meter max="${most}" value="${endpoint.outstanding}"></meter><td>${endpoint.picks}
<td>${picks === 0 ? "-" : `${((endpoint.picks / picks) * 100).toFixed(1)}%`}<td>${endpoint.connections}<td>${endpoint.connectFailures}
`,
)}
${backend.endpoints.length === 0 ? html`<tr><td class="wrong" colspan="8">no endpoints` : ""}
</table>`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
