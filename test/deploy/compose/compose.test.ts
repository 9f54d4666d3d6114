import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { EchoService } from "../../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { type Child, startChild } from "../../e2e/support/child.ts";
import { nodeProgram, ROOT } from "../../e2e/support/runtimes.ts";
import { createStage } from "../../scenarios/support/stage.ts";
import { toolOrSkip } from "../kubernetes/render.ts";
import { freePort } from "../support/free-port.ts";
import { buildPackage, filesOf, type Package } from "../support/package.ts";

interface Service {
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly ports?: readonly string[];
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly networks: { readonly cluster: { readonly ipv4_address: string } };
}

const folder = join(ROOT, "deploy/compose");
const text = readFileSync(join(folder, "compose.yaml"), "utf8");
const { services } = parse(text, { merge: true }) as { readonly services: Readonly<Record<string, Service>> };
const zone = readFileSync(join(folder, "dns/zone"), "utf8");
const pods = Object.keys(services).filter((name) => name.startsWith("pod-"));
const addressOf = (name: string) => services[name].networks.cluster.ipv4_address;

describe("compose.yaml", () => {
  const loader = toolOrSkip("compose-config", "compose.yaml by the loader of Docker Compose");
  test.skipIf(loader === null)("compose: the reference implementation takes the file", () => {
    const printed = execFileSync(loader!, [join(folder, "compose.yaml")], { encoding: "utf8" });
    expect(Object.keys((parse(printed) as { services: object }).services).sort()).toEqual(Object.keys(services).sort());
  });

  test("compose: the zone names the pods, each at its address, and nothing else", () => {
    const records = [...zone.matchAll(/^echo\s+\d+\s+IN\s+A\s+(\S+)$/gm)].map(([, address]) => address);
    expect(records).toEqual(pods.map(addressOf));
    expect(services.gateway.command).toContain(`dns://${addressOf("dns")}/echo.example.internal:50051`);
  });

  test("compose: what is ours runs read-only and without capabilities, and is reached from this machine only", () => {
    for (const [name, service] of Object.entries(services)) {
      if (name !== "dns") expect(service, name).toMatchObject({ read_only: true, cap_drop: ["ALL"] });
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    const { context, dockerfile } = services.gateway.build ?? { context: "", dockerfile: "" };
    expect(readFileSync(join(folder, context, dockerfile), "utf8")).toContain("ENTRYPOINT");
  });
});

const coredns = toolOrSkip("coredns", "what compose.yaml describes, without containers");

/** The same in 127.0.0.0/8, which every Linux has; and ports that nobody else has. */
describe.skipIf(coredns === null || process.platform !== "linux")("compose, run without containers", () => {
  const stage = createStage();
  let image: Package;
  beforeAll(() => {
    image = buildPackage();
    image.mountFolder("example", filesOf("deploy/example"));
  }, 60_000);
  afterAll(() => image.remove());

  test("compose: the gateway finds three pods by the zone's name, and lets one go that leaves the zone", async () => {
    const dnsPort = await freePort();
    const podPort = await freePort();
    const here = (words: string) =>
      words
        .replaceAll("172.30.0.", "127.30.0.")
        .replaceAll(/(127\.30\.0\.53)\//g, `$1:${dnsPort}/`)
        .replaceAll(":50051", `:${podPort}`)
        .replaceAll("/app/", `${image.app}/`)
        .replaceAll("0.0.0.0:", "127.0.0.1:")
        .replaceAll(/127\.0\.0\.1:(8080|9901)/g, "127.0.0.1:0");
    const dns = stage.add(mkdtempSync(join(tmpdir(), "fairlead-dns-")), (path) => rmSync(path, { recursive: true }));
    writeFileSync(join(dns, "zone"), here(zone));
    const corefile = readFileSync(join(folder, "dns/Corefile"), "utf8")
      .replace("/etc/coredns/", `${dns}/`)
      .replace("{", `{\n    bind ${here(addressOf("dns"))}`);
    writeFileSync(join(dns, "Corefile"), corefile);
    const start = (name: string, program: string, args: readonly string[], env = {}) =>
      stage.add(startChild(name, program, args, env), (child: Child) => child.stop());

    start("coredns", coredns!, ["-conf", join(dns, "Corefile"), "-dns.port", String(dnsPort)]);
    for (const name of pods) {
      const { entrypoint = [], environment } = services[name];
      const args = [...entrypoint.slice(1).map(here), `${here(addressOf(name))}:${podPort}`];
      const pod = start(name, nodeProgram(), args, environment);
      await pod.report(({ event }) => event === "listening");
    }
    const args = [...(services.gateway.command ?? []).map(here)];
    const gateway = start("gateway", nodeProgram(), [
      join(image.app, "dist/main.js"),
      ...["--dns-period", "1s", "--drain-delay", "0s"],
      ...args,
    ]);
    const { port } = await gateway.report(({ event }) => event === "listening");
    await gateway.report(({ event, count }) => event === "endpoints changed" && count === 3);

    const client = createClient(
      EchoService,
      createConnectTransport({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: "1.1" }),
    );
    const ask = async (calls: number) => {
      const answers = await Promise.all(Array.from({ length: calls }, () => client.echo({ text: "x" })));
      return new Set(answers.map(({ pod }) => pod));
    };
    expect(await ask(30)).toEqual(new Set(pods));

    // As the comment in the zone says: a record less, and a higher serial number.
    const less = zone.replace(new RegExp(`^echo.*${addressOf("pod-2")}\n`, "m"), "").replace("nobody 1 ", "nobody 2 ");
    writeFileSync(join(dns, "zone"), here(less));
    await gateway.report(({ event, count }) => event === "endpoints changed" && count === 2);
    expect(await ask(30)).toEqual(new Set(["pod-1", "pod-3"]));
  });
});
