import { spawnSync } from "node:child_process";
import { firstCall } from "./call.ts";
import type { Workshop } from "./children.ts";
import { freePorts } from "./ports.ts";

export interface Pods {
  readonly ports: readonly [number, number];
  /** How the pods are set up, for the report. */
  readonly note: string;
}

/** The pods behind every proxy: two nghttpd of one thread, which echo the body and end it with `grpc-status: 0`. */
export async function startPods(workshop: Workshop): Promise<Pods> {
  const ports = await freePorts(2);
  const room = temporaryRoom();
  for (const port of ports) {
    const since = performance.now();
    const pod = workshop.start({
      name: `nghttpd-${port}`,
      argv: [
        ...room,
        ...["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", "/", "-n", "1"],
        ...["--echo-upload", "--trailer=grpc-status: 0", String(port)],
      ],
      core: "load",
    });
    await firstCall(pod, port, since);
  }
  const where =
    room.length > 0 ? "in memory (a tmpfs of its own)" : "on disk: `unshare` is not allowed here, so the pods are slow";
  return { ports: [ports[0], ports[1]], note: `nghttpd's temporary files are ${where}` };
}

/**
 * nghttpd writes every echoed body to a file in /tmp and removes it again. On a disk's file system that costs 55 us a call
 * and far more when both pods do it at once (4,000 calls a second measured, 64,000 in memory): the bench would measure
 * ext4. So each pod sees a /tmp in memory, in a mount namespace of its own that ends with it.
 */
function temporaryRoom(): string[] {
  const mount = 'mount -t tmpfs -o size=64m tmpfs /tmp && exec "$@"';
  const own = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const room = ["unshare", "--mount", ...own, "sh", "-c", mount, "sh"];
  return spawnSync(room[0], [...room.slice(1), "true"]).status === 0 ? room : [];
}
