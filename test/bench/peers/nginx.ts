import { installed, type Peer } from "./peer.ts";

export const nginx: Peer = {
  key: "nginx",
  name: "nginx",
  find: () =>
    installed(["nginx", "-v"], /nginx\/([\d.]+)/, "nginx-light", ({ port, pods, folder, file }) => ({
      argv: ["nginx", "-e", "stderr", "-p", folder, "-c", file("nginx.conf", config(port, pods))],
    })),
};

/**
 * grpc_pass keeps one call at a time on a pod connection, so it needs as many kept connections as there are concurrent
 * calls (128 at most here): with fewer it would dial anew all the time. The request limits are lifted for the same reason.
 */
function config(port: number, pods: readonly [number, number]): string {
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
    listen 127.0.0.1:${port} http2;
    http2_max_concurrent_streams 256;
    location / { grpc_pass grpc://pods; }
  }
}
`;
}
