import { installed, type Peer } from "./peer.ts";

/** The yardstick: every figure is a ratio to it, measured in the same round. */
export const haproxy: Peer = {
  key: "haproxy",
  name: "HAProxy",
  find: () =>
    installed(["haproxy", "-v"], /version ([\d.]+)/, "haproxy", ({ port, pods, file }) => ({
      argv: ["haproxy", "-db", "-f", file("haproxy.cfg", config(port, pods))],
    })),
};

/** One thread like everyone here; leastconn counts streams in HTTP mode; `always` lets clients share pod connections. */
function config(port: number, pods: readonly [number, number]): string {
  return `
global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend edge
  bind 127.0.0.1:${port} proto h2
  default_backend pods
backend pods
  balance leastconn
  http-reuse always
${pods.map((pod, i) => `  server pod${i} 127.0.0.1:${pod} proto h2`).join("\n")}
`;
}
