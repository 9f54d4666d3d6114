import { fileURLToPath } from "node:url";
import type { Peer } from "./peer.ts";

export const nodeHttp2: Peer = {
  key: "node-http2",
  name: "node:http2 proxy",
  find: () => ({
    kind: "found",
    version: `on Node ${process.versions.node}`,
    launch: ({ port, pods }) => ({
      argv: [
        process.execPath,
        fileURLToPath(new URL("./node-http2-proxy.mjs", import.meta.url)),
        String(port),
        ...pods.map(String),
      ],
    }),
  }),
};
