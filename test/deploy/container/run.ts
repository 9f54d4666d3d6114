/**
 * npm run container [-- --keep]: takes the steps of the Containerfiles on bare folders, starts what comes out as a container engine
 * would (another user, a root that cannot be written, no capabilities), probes it, makes one gRPC call, and prints the sizes.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { EchoService } from "../../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { whyNot } from "./build.ts";
import { runCompose } from "./compose.ts";
import { buildImage, type Image, type ImageName, ROOT } from "./images.ts";
import { mebibytes, sizeOf } from "./size.ts";
import { type Container, rightsOf, startContainer } from "./start.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);
let passed = 0;
let failed = 0;
let skipped = 0;
const claim = (holds: boolean, what: string) => {
  if (holds) passed++;
  else failed++;
  say(`  ${holds ? "ok    " : "FAILED"}  ${what}`);
};

/** What the images must stay under, bytes on disk: Node and Deno alone are 120 and 95 MB. */
const MOST = 200 * 2 ** 20;

/** Bytes on disk that the table of deploy/README.md gives the image. */
function writtenSize(name: ImageName): number {
  const page = readFileSync(join(ROOT, "deploy/README.md"), "utf8");
  const file = name === "node" ? "Containerfile" : "Containerfile.deno";
  return Number(new RegExp(`^\\| \\[${file}\\].*? \\| (\\d+) MiB`, "m").exec(page)?.[1]) * 2 ** 20;
}

async function probe(name: ImageName, image: Image, pods: Image): Promise<void> {
  const running: Container[] = [];
  const start = (options: Omit<Parameters<typeof startContainer>[0], "root" | "stages">, from: Image) => {
    const container = startContainer({ ...options, root: from.root, stages: from.stages });
    running.push(container);
    return container;
  };
  try {
    // A pod of the example, from the image too.
    const example = { "/app/example": join(ROOT, "deploy/example") };
    const pod = start(
      {
        name: "pod",
        command: ["node", "/app/example/pod.js"],
        args: ["127.0.0.1:0"],
        env: { POD_NAME: "pod-1" },
        mounts: example,
      },
      pods,
    );
    const { port } = await pod.child.report(({ event }) => event === "listening");
    const args = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--drain-delay", "0s", `ipv4:127.0.0.1:${port}`];
    const gateway = start({ name: `${name} gateway`, args }, image);
    const listener = await gateway.child.report(({ event }) => event === "listening");
    const { url } = await gateway.child.report(({ event }) => event === "admin pages");

    const ready = await fetch(`${url}readyz`);
    claim(ready.status === 200, `/readyz answers ${ready.status} ${(await ready.text()).trim()}`);
    const baseUrl = `http://127.0.0.1:${listener.port}`;
    for (const [protocol, transport] of [
      ["gRPC", createGrpcTransport({ baseUrl })],
      ["gRPC-Web", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
    ] as const) {
      const answer = await createClient(EchoService, transport).echo({ text: "hello" });
      claim(answer.text === "hello" && answer.pod === "pod-1", `a ${protocol} call is answered by ${answer.pod}`);
    }
    const rights = rightsOf(gateway.pid());
    claim(rights.uid === 65532, `it runs as user ${rights.uid}`);
    claim(rights.capabilities === 0n && rights.noNewPrivileges, "it has no capabilities and can get none");
    claim((await gateway.stop()) === 0, "SIGTERM ends it with exit code 0, as process 1");
  } finally {
    for (const container of running) await container.kill();
  }
  await cannotWrite(name, image);
}

async function cannotWrite(name: ImageName, image: Image): Promise<void> {
  if (name !== "node") return;
  const script =
    "try { require('fs').writeFileSync('/app/x', ''); process.exit(1) } catch (e) { console.log(JSON.stringify({ code: e.code })) }";
  const { child } = startContainer({ ...image, name: "writer", command: ["node", "-e", script], args: [] });
  const { code } = await child.report((report) => "code" in report);
  await child.exited;
  claim(code === "EROFS", `nothing can be written to its root: ${code}`);
}

/** compose.yaml, with these images and a bridge between them. */
async function composed(image: Image, work: string): Promise<void> {
  const seen = await runCompose(image, work);
  if ("missing" in seen) {
    skipped++;
    say(`skipped: compose.yaml in namespaces: ${seen.missing}`);
    return;
  }
  say("compose.yaml, each service in namespaces of its own");
  const { page, pods } = seen;
  claim(page === 200, `the page answers ${page}`);
  claim(Object.keys(pods).length === 3, `60 calls, six at a time: ${JSON.stringify(pods)}`);
  const others = Math.min(pods["pod-1"] ?? 0, pods["pod-2"] ?? 0);
  claim((pods["pod-3"] ?? 0) < others, "fewer of them went to the slow pod than to either of the others");
}

const why = whyNot();
if (why !== null) {
  skipped++;
  say(`skipped: the Containerfiles' steps: ${why}`);
} else {
  const work = mkdtempSync(join(tmpdir(), "fairlead-container-"));
  try {
    const node = buildImage("node", work, say);
    if ("missing" in node) throw new Error(node.missing);
    const deno = buildImage("deno", work, say);
    for (const [name, image] of [
      ["node", node],
      ["deno", deno],
    ] as const) {
      if ("missing" in image) {
        skipped++;
        say(`skipped: ${image.missing}`);
        continue;
      }
      const size = sizeOf(image.root);
      say(
        `image ${name}: ${mebibytes(size.bytes)} in ${size.files} files, about ${mebibytes(size.compressed)} compressed`,
      );
      const written = writtenSize(name);
      const near = Math.abs(size.bytes / written - 1) < 0.05;
      claim(near, `deploy/README.md says so: ${mebibytes(written)}`);
      claim(size.bytes < MOST, `it is smaller than ${mebibytes(MOST)}`);
      await probe(name, image, node);
    }
    await composed(node, work);
  } finally {
    if (process.argv.includes("--keep")) say(`kept: ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
}
say(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);
