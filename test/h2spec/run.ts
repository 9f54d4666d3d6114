import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startGatewayProcess } from "../e2e/support/gateway.ts";
import { startPod } from "../e2e/support/pods.ts";
import { ROOT, type RuntimeName } from "../e2e/support/runtimes.ts";
import { findTool } from "../support/tools.ts";
import { readReport, sum } from "./report.ts";

/**
 * `npm run h2spec [-- --runtime node|deno|bun] [--expect N]`: all strict cases of h2spec against the gateway, in front of a pod.
 * Ends with exit code 1 unless every case has passed. `--expect N` is for runtimes where fewer can: it then fails below N.
 *
 * h2spec knows nothing of RPC: it sends GET, HEAD and POST to `/` without a content-type. The gateway's own answer to those is
 * what most cases look at, and they need of it:
 *
 * - A body, on the answer to GET, of 5 bytes or more. It opens the client's window by 1 to 3 bytes and looks whether the first
 *   DATA frame is that long (6.5.3/1, 6.9.1/1, 6.9.2/1), or closes the window so that streams stay open (5.1.2/1, generic/2).
 *   An empty body makes it skip four cases.
 * - DATA frames as long as the window allows, also when that is one byte, and a negative window kept (6.9.2/2).
 * - No answer before the request has ended, be it only a 415: cases send HEADERS without END_STREAM and then something wrong
 *   (6.9.1/3, 8.1/1, 8.1.2.6/1 and /2, 5.1/8 to 10), and expect the code for that, not the RST_STREAM(NO_ERROR) which follows
 *   an early answer.
 * - HEAD answered with a HEADERS frame, without a body.
 * - SETTINGS_MAX_CONCURRENT_STREAMS announced, and REFUSED_STREAM above it (5.1.2/1); skipped otherwise.
 */

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: "node" },
    expect: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

function h2spec(): string {
  const found = findTool("h2spec");
  if ("path" in found) return found.path;
  console.log("h2spec is not installed: installing it with Go into .ci/tools/bin");
  const { status } = spawnSync("bash", [join(ROOT, ".ci/install"), "h2spec"], { stdio: "inherit" });
  const installed = findTool("h2spec");
  if (status !== 0 || "missing" in installed) throw new Error("h2spec could not be installed; is Go there?");
  return installed.path;
}

function runtimeVersion(runtime: RuntimeName): string {
  if (runtime === "node") return `Node ${process.versions.node}`;
  const found = findTool(runtime);
  if ("missing" in found) throw new Error(found.missing);
  const { stdout } = spawnSync(found.path, ["--version"], { encoding: "utf8" });
  return `${runtime === "deno" ? "Deno" : "Bun"} ${/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? "of unknown version"}`;
}

async function run(): Promise<boolean> {
  const tool = h2spec();
  const runtime = values.runtime as RuntimeName;
  const on = runtimeVersion(runtime);
  const folder = mkdtempSync(join(tmpdir(), "fairlead-h2spec-"));
  const pod = await startPod("connect-node");
  const gateway = await startGatewayProcess({ target: `ipv4:${pod.address}`, runtime });
  try {
    const path = join(folder, "report.xml");
    const address = ["--host", gateway.host, "--port", String(gateway.port)];
    const { stdout, error } = spawnSync(tool, ["--strict", ...address, "--junit-report", path], { encoding: "utf8" });
    if (error !== undefined) throw error;
    if (values.verbose) console.log(stdout);

    const { sections, failures, skips } = readReport(readFileSync(path, "utf8"));
    for (const { id, title, passed, failed, skipped } of sections) {
      const more = `${failed > 0 ? `, ${failed} FAILED` : ""}${skipped > 0 ? `, ${skipped} skipped` : ""}`;
      console.log(`${id.padEnd(16)} ${title.padEnd(48)} ${String(passed).padStart(3)} passed${more}`);
    }
    for (const { id, what, detail } of failures)
      console.log(`FAILED ${id}: ${what}\n    ${detail.replaceAll("\n", "\n    ")}`);
    for (const { id, what } of skips) console.log(`SKIPPED ${id}: ${what}`);

    const [passed, failed, skipped] = [sum(sections, "passed"), sum(sections, "failed"), sum(sections, "skipped")];
    const total = passed + failed + skipped;
    console.log(`h2spec on ${on}: ${passed} of ${total} passed, ${failed} failed, ${skipped} skipped`);
    return passed >= Number(values.expect ?? total);
  } finally {
    await gateway.child.stop("SIGKILL");
    await pod.stop("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

run().then(
  (good) => process.exit(good ? 0 : 1),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
