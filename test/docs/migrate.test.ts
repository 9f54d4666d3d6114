import http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { pageOf } from "./pages.ts";
import { findEnvoy, findProgram, nginxHere } from "./proxies.ts";
import { openSite, type Site } from "./site.ts";

/** Both sides of docs/migrate.md are started, and carry the same call to the same pod. */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const { text: page } = pageOf("docs/migrate.md");
/** The two configurations under a heading: theirs and ours. */
function pairOf(heading: string): readonly [theirs: string, ours: string] {
  const section = page.slice(page.indexOf(`## ${heading}`)).split(/^## /m)[1];
  const [theirs, ours] = [...section.matchAll(/^```\w+\n(.*?)^```/gms)].map(([, text]) => text);
  return [theirs, ours];
}

interface Migration {
  readonly name: string;
  readonly program: string | null;
  readonly file: string;
  readonly args: string;
  readonly port: string;
  /** What the cluster would have, on this machine. */
  readonly local: (text: string) => string;
}

const migrations: readonly Migration[] = [
  {
    name: "Envoy",
    program: findEnvoy(),
    file: "moved.yaml",
    args: "--concurrency 1 --log-level error --config-path moved.yaml",
    port: "8080",
    local: (text) => text.replaceAll(/address: \w+\.shop\b/g, "address: 127.0.0.1"),
  },
  {
    name: "nginx",
    program: findProgram("nginx"),
    file: "moved.conf",
    args: "-e stderr -p . -c moved.conf",
    port: "8443",
    local: nginxHere,
  },
  {
    name: "HAProxy",
    program: findProgram("haproxy"),
    file: "moved.cfg",
    args: "-db -f moved.cfg",
    port: "8080",
    // Its descriptors are more than a shell may have.
    local: (text) =>
      `${text.replace("maxconn 20000", "maxconn 100")}\n`.replaceAll(/[\w.-]+\.cluster\.local/g, "127.0.0.1"),
  },
];

let site: Site;
const pod = http2.createServer(
  connectNodeAdapter({
    routes: (router) => router.service(EchoService, { echo: ({ text }) => ({ text, pod: "the pod" }) }),
    connect: false,
    grpcWeb: false,
  }),
);
const sessions = new Set<http2.ServerHttp2Session>();
pod.on("session", (session) => {
  sessions.add(session);
  session.on("close", () => sessions.delete(session));
});
beforeAll(async () => {
  site = await openSite();
  await new Promise<void>((resolve) => pod.listen(Number(site.here("50051")), "127.0.0.1", resolve));
});
afterAll(async () => {
  await site?.close();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => pod.close(resolve));
});

/** One call, as soon as the way to the pod is open. */
async function call(port: string): Promise<string> {
  const scheme = port === "8443" ? "https" : "http";
  const nodeOptions = { rejectUnauthorized: false };
  const transport = createGrpcTransport({ baseUrl: site.here(`${scheme}://127.0.0.1:${port}`), nodeOptions });
  for (;;) {
    try {
      return (await createClient(EchoService, transport).echo({ text: "moved" })).pod;
    } catch (error) {
      // They listen before they know the pod.
      if (!/unavailable/.test(String(error))) throw error;
    }
  }
}

describe.each(migrations)("docs/migrate.md, from $name", ({ name, program, file, args, port, local }) => {
  const [theirs, ours] = pairOf(`From ${name}`);

  if (program === null) console.warn(`skipped: a call through ${name}, as docs/migrate.md has it: it is not installed`);
  test.skipIf(program === null)("theirs carries a call to the pod", async () => {
    site.write(file, site.here(local(theirs)));
    const end = await site.keep(`${program} ${args}`, [port]);
    expect(await call(port)).toBe("the pod");
    await end();
  });

  test("ours carries the same call", async () => {
    site.write("fairlead.yaml", site.here(ours.replaceAll(/dns:\/\/\/[\w.-]+:/g, "ipv4:127.0.0.1:")));
    await site.serve("npx fairlead --config fairlead.yaml", '"listening"');
    expect(await call(port)).toBe("the pod");
    await site.stop();
  });
});
