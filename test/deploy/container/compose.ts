import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { findTool } from "../../support/tools.ts";
import { parseContainerfile } from "./containerfile.ts";
import { type Image, ROOT } from "./images.ts";
import { createNetwork } from "./network.ts";
import { type Container, startContainer } from "./start.ts";

interface Service {
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly networks: { readonly cluster: { readonly ipv4_address: string } };
}

/** Waits until the gateway has a connection to three pods, and then makes so many calls as the page does. */
const CLIENT = `
const { tally } = await import("/app/example/call.js");
const ready = async () => (await (await fetch("http://172.30.0.10:9901/metrics")).text()).match(/state="ready"} 1$/gm)?.length;
while ((await ready().catch(() => 0)) !== 3);
const page = await fetch("http://172.30.0.14:8000/");
console.log(JSON.stringify({ page: page.status, pods: await tally("http://172.30.0.10:8080", 60) }));
`;

/**
 * Starts every service of deploy/compose/compose.yaml as the file says: from the image, with its command, mounts and address, in
 * namespaces on a bridge. Then calls through the gateway, from the other side of the bridge.
 * @returns what the client saw, or why it cannot be done
 */
export async function runCompose(
  image: Image,
  work: string,
): Promise<{ readonly page: number; readonly pods: Readonly<Record<string, number>> } | { readonly missing: string }> {
  const coredns = findTool("coredns");
  if ("missing" in coredns) return coredns;
  const folder = join(ROOT, "deploy/compose");
  const { services } = parse(readFileSync(join(folder, "compose.yaml"), "utf8"), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>;
  };
  const network = await createNetwork("172.30.0.1/24");
  const running: Container[] = [];
  try {
    for (const [name, service] of Object.entries(services)) {
      const { stages, root } = service.image.startsWith("coredns/") ? corednsImage(coredns.path, work) : image;
      const mounts = (service.volumes ?? []).map((volume) => {
        const [outside, inside] = volume.split(":");
        return [inside, resolve(folder, outside)];
      });
      const container = startContainer({
        name,
        root,
        stages,
        ...(service.entrypoint === undefined ? {} : { command: service.entrypoint }),
        args: service.command ?? [],
        env: service.environment ?? {},
        mounts: Object.fromEntries(mounts),
        network: await network.join(service.networks.cluster.ipv4_address),
      });
      running.push(container);
    }
    const client = startContainer({
      ...image,
      name: "client",
      command: ["node", "--input-type=module", "--eval", CLIENT],
      args: [],
      mounts: { "/app/example": join(ROOT, "deploy/example") },
      network: network.host,
    });
    running.push(client);
    // A service that ends of itself is why the client waits for ever.
    const ended = running.slice(0, -1).map(async ({ child }) => {
      await child.exited;
      throw new Error(`${child.name} has ended: ${child.output()}`);
    });
    for (const end of ended) end.catch(() => {});
    const report = await Promise.race([client.child.report((seen) => "pods" in seen), ...ended]);
    return { page: Number(report.page), pods: report.pods as Record<string, number> };
  } finally {
    for (const container of running) await container.kill();
    network.remove();
  }
}

/** The image of CoreDNS: the program alone, as a user without rights. */
function corednsImage(program: string, work: string): Image {
  const root = join(work, "coredns");
  mkdirSync(root, { recursive: true });
  cpSync(program, join(root, "coredns"), { dereference: true });
  // Built here it may want the C library, which the real one does not.
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  for (const [library] of stdout.matchAll(/\/\S+/g)) cpSync(library, join(root, library), { dereference: true });
  return { root, stages: parseContainerfile('FROM scratch\nUSER 65532:65532\nENTRYPOINT ["/coredns"]\n') };
}
