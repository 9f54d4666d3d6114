import { installed, type Peer } from "./peer.ts";

export const caddy: Peer = {
  key: "caddy",
  name: "Caddy",
  find: () =>
    installed(["caddy", "version"], /v?(\d[\d.]+)/, "caddy", ({ port, pods, folder, file }) => ({
      argv: ["caddy", "run", "--adapter", "caddyfile", "--config", file("Caddyfile", config(port, pods))],
      // It keeps state below these; none of it may land in the user's home.
      env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    })),
};

function config(port: number, pods: readonly [number, number]): string {
  return `
{
  admin off
  auto_https off
  servers {
    protocols h1 h2 h2c
  }
}
http://127.0.0.1:${port} {
  reverse_proxy ${pods.map((pod) => `h2c://127.0.0.1:${pod}`).join(" ")} {
    lb_policy least_conn
  }
}
`;
}
