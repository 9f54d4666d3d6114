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

/** A grpc-js pod, which takes gRPC with protobuf and nothing else, and a gateway that has its descriptor set. */
export interface Fleet {
  readonly pod: { readonly child: Child; readonly address: string };
  readonly gateway: GatewayProcess;
  /** No call may be left. */
  stop(): Promise<void>;
}

export async function startFleet(): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-clients-"));
  const set = join(folder, "echo.binpb");
  const echo = describeEcho().file;
  const file = [...echo.dependencies, echo].map(({ proto }) => proto);
  writeFileSync(set, toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file })));
  const pod = await startPod("grpc-js");
  const args = ["--descriptor-set", set, "--json", "transcode", "--connect-get", `${SERVICE}/*`];
  const gateway = await startGatewayProcess({ target: `ipv4:${pod.address}`, args });
  return {
    pod,
    gateway,
    stop: async () => {
      try {
        await expectQuiet(gateway);
        expect(await gateway.stop()).toBe(0);
      } finally {
        await gateway.child.stop("SIGKILL");
        await pod.stop("SIGKILL");
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
