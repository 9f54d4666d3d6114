import type { Found, Setup } from "../peers/peer.ts";
import { installed } from "../peers/peer.ts";
import type { RowKey } from "./rows.ts";

/** A proxy in the protocol rows. */
export interface RowPeer {
  readonly key: string;
  readonly name: string;
  /** The rows that it can carry at all. */
  readonly rows: readonly RowKey[];
  /** What stands behind it: a gRPC pod, or one that answers plain HTTP/1.1. */
  readonly behind: "grpc" | "http1";
  find(say: (line: string) => void): Promise<Found> | Found;
}

export const haproxyHttp1: RowPeer = {
  key: "haproxy",
  name: "HAProxy, plain HTTP/1.1",
  rows: ["connect-http1"],
  behind: "http1",
  find: () =>
    installed(["haproxy", "-v"], /version ([\d.]+)/, "haproxy", ({ port, pods, file }) => ({
      argv: ["haproxy", "-db", "-f", file("haproxy.cfg", haproxyConfig(port, pods))],
    })),
};

export const nginxHttp1: RowPeer = {
  key: "nginx",
  name: "nginx, plain HTTP/1.1",
  rows: ["connect-http1"],
  behind: "http1",
  find: () =>
    installed(["nginx", "-v"], /nginx\/([\d.]+)/, "nginx-light", ({ port, pods, folder, file }) => ({
      argv: ["nginx", "-e", "stderr", "-p", folder, "-c", file("nginx.conf", nginxConfig(port, pods))],
    })),
};

const haproxyDefaults = `
global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
`;

function haproxyConfig(port: number, pods: Setup["pods"]): string {
  return `${haproxyDefaults}
frontend edge
  bind 127.0.0.1:${port}
  default_backend pods
backend pods
  balance leastconn
  http-reuse always
${pods.map((pod, i) => `  server pod${i} 127.0.0.1:${pod}`).join("\n")}
`;
}

/** As many kept connections as there are concurrent calls, as in the gRPC rows. */
function nginxConfig(port: number, pods: Setup["pods"]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${kind};`);
  return `
worker_processes 1;
daemon off;
pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${temporary.join(" ")}
  upstream pods {
    least_conn;
    ${pods.map((pod) => `server 127.0.0.1:${pod};`).join(" ")}
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://pods; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;
}

/** A pod that answers plain HTTP/1.1 with the same bytes each time: HAProxy, which the bench needs anyway. */
export function plainPodConfig(ports: readonly number[], answer: string): string {
  const pods = ports.map(
    (port, i) => `
frontend pod${i}
  bind 127.0.0.1:${port}
  http-request return status 200 content-type application/proto file ${answer}`,
  );
  return `${haproxyDefaults}${pods.join("\n")}\n`;
}
