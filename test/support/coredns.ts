import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface CoreDns {
  readonly host: string;
  readonly port: number;
  /** Replaces the records of pods.test; CoreDNS takes them within half a second. */
  setZone(records: readonly string[]): void;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

/**
 * A real CoreDNS on a free loopback port.
 * - pods.test: the given records (zone file lines), authoritative, re-read when changed, at most 512 bytes over UDP
 * - servfail.test, silent.test: answer SERVFAIL, and nothing; everything else: REFUSED
 */
export async function startCoreDns(binary: string, records: readonly string[]): Promise<CoreDns> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-coredns-"));
  const port = await freePort();
  let serial = 1;
  const setZone = (lines: readonly string[]) => {
    // Renamed into place, so that CoreDNS never reads half of it. A new serial number makes it take the new zone.
    const soa = `pods.test. 5 IN SOA ns.pods.test. nobody.pods.test. ${serial++} 60 60 60 5`;
    writeFileSync(join(folder, "zone.new"), `${[soa, "pods.test. 5 IN NS ns.pods.test.", ...lines].join("\n")}\n`);
    renameSync(join(folder, "zone.new"), join(folder, "zone"));
  };
  setZone(records);
  writeFileSync(
    join(folder, "Corefile"),
    `pods.test:${port} {
  bind ${HOST}
  bufsize 512
  file ${join(folder, "zone")} {
    reload 500ms
  }
}
servfail.test:${port} {
  bind ${HOST}
  template ANY ANY {
    rcode SERVFAIL
  }
}
silent.test:${port} {
  bind ${HOST}
  erratic {
    drop 1
  }
}
`,
  );
  const child = spawn(binary, ["-conf", join(folder, "Corefile")], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    await ready(child);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    host: HOST,
    port,
    setZone,
    close: async () => {
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** CoreDNS prints its version once its sockets are open. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = "";
    const take = (bytes: Uint8Array) => {
      output += String(bytes);
      if (output.includes("CoreDNS-")) resolve();
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`coredns ended at its start: ${output}`)));
  });
}

/** A port that was free a moment ago: CoreDNS cannot choose one itself. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
