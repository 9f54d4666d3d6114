import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { on, ROOT, type RuntimeName } from "../e2e/support/runtimes.ts";
import type { Options, PartName } from "./options.ts";
import { type KnownFailure, readKnown } from "./patterns.ts";
import type { Run } from "./runner.ts";
import type { Tools } from "./tools.ts";

/** What each part shows, for headings. */
export const TITLES: Readonly<Record<PartName, string>> = {
  server: "Server mode, pods that take gRPC over h2c only (the suite's reference server)",
  "server-proto": "Server mode, pods that take protobuf only (grpc-go), JSON by a descriptor set",
  "server-reflection": "Server mode, pods that take protobuf only (grpc-go), JSON by server reflection",
  "client-grpc": "Client mode, the client speaks gRPC",
  "client-connect": "Client mode, the client speaks Connect",
  "client-grpc-web": "Client mode, the client speaks gRPC-Web",
  "web-text": "grpc-web-text: the suite's gRPC-Web cases in text, server mode, pods that take gRPC over h2c only",
};

/** @param folder see createRunFolder */
export function runOf(part: PartName, runtime: RuntimeName, options: Options, tools: Tools, folder: string): Run {
  const server = !part.startsWith("client-");
  const { program, args } = on(runtime, server ? "test/conformance/server.ts" : "test/conformance/client.ts");
  const env: Record<string, string> = {
    CONFORMANCE_DESCRIPTORS: tools.descriptors,
    FAIRLEAD_SEEN: seenFile(part, runtime, folder),
  };
  switch (part) {
    case "web-text":
      env.CONFORMANCE_TEXT = "1";
      env.CONFORMANCE_POD = tools.grpcOnlyPod;
      break;
    case "server":
      env.CONFORMANCE_POD = tools.grpcOnlyPod;
      break;
    case "server-proto":
      env.CONFORMANCE_POD = tools.protoOnlyPod;
      env.CONFORMANCE_JSON = "transcode";
      env.CONFORMANCE_DESCRIPTOR_SET = tools.descriptors;
      env.FAIRLEAD_REFLECTION = "off";
      break;
    case "server-reflection":
      env.CONFORMANCE_POD = tools.protoOnlyPod;
      break;
    default:
      env.CONFORMANCE_CLIENT = tools.referenceClient;
      env.CONFORMANCE_PROTOCOL = part.slice("client-".length);
  }
  return {
    title: `${part} ${runtime}`,
    mode: server ? "server" : "client",
    features: features(part === "web-text" ? { ...options, protocols: ["grpc-web"], tls: false } : options, server),
    command: [program, ...args.map((arg) => (arg.startsWith(ROOT) ? join(folder, relative(ROOT, arg)) : arg))],
    log: join(folder, `${part}-${runtime}.log`),
    env,
    only: options.run,
    known: knownOf(part),
    parallel: options.parallel,
  };
}

/** Where pods write the content-types that they see. */
export function seenFile(part: PartName, runtime: RuntimeName, folder: string): string {
  return join(folder, `${part}-${runtime}.seen`);
}

/** The list of cases that cannot pass, beside this file; none is the usual. */
export function knownOf(part: PartName): KnownFailure[] {
  // The pods are the same, and so are their answers.
  const name = part === "server-reflection" ? "server-proto" : part;
  const file = join(import.meta.dirname, "known", `${name}.txt`);
  return existsSync(file) ? readKnown(file) : [];
}

function features(options: Options, server: boolean): object {
  const common = {
    codecs: options.codecs.map((codec) => `CODEC_${codec.toUpperCase()}`),
    compressions: options.compressions.map((name) => `COMPRESSION_${name.toUpperCase()}`),
    supportsTls: options.tls,
  };
  // Pods speak gRPC; a client certificate that pods ask for is not a thing of this gateway.
  if (!server) return { ...common, versions: ["HTTP_VERSION_2"], protocols: ["PROTOCOL_GRPC"] };
  return {
    ...common,
    versions: options.http.map((version) => `HTTP_VERSION_${version}`),
    protocols: options.protocols
      .filter((name) => name !== "grpc" || options.http.includes("2"))
      .map((name) => `PROTOCOL_${name.toUpperCase().replace("-", "_")}`),
    supportsTlsClientCerts: options.tls,
    supportsHalfDuplexBidiOverHttp1: true,
    supportsConnectGet: true,
    supportsMessageReceiveLimit: true,
  };
}
