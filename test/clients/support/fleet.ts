import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import type { Child } from "../../e2e/support/child.ts";
import { describeEcho, SERVICE } from "../../e2e/support/echo.ts";
import { type GatewayProcess, startGatewayProcess } from "../../e2e/support/gateway.ts";
import { startPod } from "../../e2e/support/pods.ts";
import { expectQuiet } from "../../e2e/support/quiet.ts";
import { createAuthority } from "../../support/certs.ts";

/** A grpc-js pod, which takes gRPC with protobuf and nothing else, and a gateway that has its descriptor set. */
export interface Fleet {
  readonly pod: { readonly child: Child; readonly address: string };
  readonly gateway: GatewayProcess;
  /** The same with TLS, in a process of its own, and a PEM file with the authority to trust; null: not asked for. */
  readonly tls: { readonly gateway: GatewayProcess; readonly caFile: string } | null;
  /** No call may be left. */
  stop(): Promise<void>;
}

export async function startFleet(withTls = false): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-clients-"));
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const echo = describeEcho().file;
  const file = [...echo.dependencies, echo].map(({ proto }) => proto);
  const set = write("echo.binpb", toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file })));
  const pod = await startPod("grpc-js");
  const args = ["--descriptor-set", set, "--json", "transcode", "--connect-get", `${SERVICE}/*`];
  const options = { target: `ipv4:${pod.address}`, args };
  const gateway = await startGatewayProcess(options);
  const gateways = [gateway];
  let tls: Fleet["tls"] = null;
  if (withTls) {
    const authority = createAuthority();
    const { cert, key } = authority.issue(["localhost", "127.0.0.1"]);
    const files = { certFile: write("cert.pem", cert), keyFile: write("key.pem", key) };
    const secured = await startGatewayProcess({ ...options, tls: files });
    gateways.push(secured);
    tls = { gateway: secured, caFile: write("ca.pem", authority.cert) };
  }
  return {
    pod,
    gateway,
    tls,
    stop: async () => {
      try {
        for (const one of gateways) {
          await expectQuiet(one);
          expect(await one.stop()).toBe(0);
        }
      } finally {
        for (const one of gateways) await one.child.stop("SIGKILL");
        await pod.stop("SIGKILL");
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
