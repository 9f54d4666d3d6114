import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "../../e2e/support/child.ts";
import { gatewayRuntime } from "../../e2e/support/gateway.ts";
import { on } from "../../e2e/support/runtimes.ts";
import { createAuthority } from "../../support/certs.ts";

/** What runs as the gateway: `dist/main.js` when CI has built it, the sources otherwise. */
const MAIN = process.env.FAIRLEAD_MAIN ?? "src/main.ts";

/** A gateway process for pages: HTTP/1.1 in plaintext on one port, HTTP/2 with TLS on another. */
export interface BrowserGateway {
  /** By listener. */
  readonly urls: Readonly<Record<ListenerName, string>>;
  readonly child: Child;
  /** SHA-256 of the certificate's public key, base64, as Chromium wants to be told whom to trust. */
  readonly trusted: string;
  /** Calls that no pod has ended, over all endpoints. */
  outstanding(): Promise<number>;
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
}

export type ListenerName = "plain" | "tls" | "credentials";

/**
 * @param target the pods
 * @param origin of the pages that may call
 */
export async function startBrowserGateway(target: string, origin: string): Promise<BrowserGateway> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-browser-"));
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const certificate = createAuthority().issue(["127.0.0.1", "localhost"]);
  const certFile = write("cert.pem", certificate.cert);
  const keyFile = write("key.pem", certificate.key);
  const cors = {
    allowOrigins: [origin],
    allowHeaders: ["x-echo-a", "x-echo-b-bin", "x-trail-a", "x-trail-b-bin"],
  };
  const listener = { address: "127.0.0.1", port: 0 };
  const service = "fairlead.browser.v1.BrowserService";
  const config = {
    listeners: [
      { name: "plain", ...listener, cors },
      { name: "tls", ...listener, cors, tls: { certFile, keyFile } },
      { name: "credentials", ...listener, cors: { ...cors, allowCredentials: true } },
    ],
    routes: [
      { backendRefs: [{ name: "pods" }], connectGet: [`${service}/Look`] },
      {
        matches: [{ method: { service: "fairlead.browser.v1.NowhereService" } }],
        backendRefs: [{ name: "nowhere" }],
      },
    ],
    backends: [
      { name: "pods", target, maxMessageBytes: 100_000 },
      // Nobody listens there.
      { name: "nowhere", target: "ipv4:127.0.0.1:1" },
    ],
    admin: { address: "127.0.0.1", port: 0 },
    drain: { delay: "0s" },
    log: { format: "json" },
  };
  const { program, args } = on(gatewayRuntime(), MAIN);
  const child = startChild("gateway", program, [...args, "--config", write("fairlead.json", JSON.stringify(config))]);
  try {
    const url = async (name: ListenerName) => {
      const { port } = await child.report((report) => report.event === "listening" && report.listener === name);
      return `${name === "tls" ? "https" : "http"}://127.0.0.1:${port}`;
    };
    const urls = { plain: await url("plain"), tls: await url("tls"), credentials: await url("credentials") };
    const admin = String((await child.report((report) => report.event === "admin pages")).url).replace(/\/$/, "");
    const pod = "pods";
    const metrics = async () => (await fetch(`${admin}/metrics`)).text();
    // Ready endpoints of the pods: the other backend will never have one, and so the gateway is not ready as a whole.
    while (!/state="ready"[^\n]* [1-9]/.test(await metrics())) await new Promise((resolve) => setImmediate(resolve));
    const spki = new X509Certificate(certificate.cert).publicKey.export({ type: "spki", format: "der" });
    return {
      urls,
      child,
      trusted: createHash("sha256").update(spki).digest("base64"),
      outstanding: async () =>
        [...(await metrics()).matchAll(/^\w*outstanding\w*\{[^}]*\} (\d+)/gm)].reduce(
          (sum, [sample, value]) => sum + (sample.includes(pod) ? Number(value) : 0),
          0,
        ),
      stop: async () => {
        const { code } = await child.stop();
        rmSync(folder, { recursive: true, force: true });
        return code;
      },
    };
  } catch (error) {
    await child.stop("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
