import { installed, type Peer } from "./peer.ts";

/** The C library's own proxy. It takes the pods of a group in turn: it has no least-connections. */
export const nghttpx: Peer = {
  key: "nghttpx",
  name: "nghttpx",
  find: () =>
    installed(["nghttpx", "--version"], /nghttp2\/([\d.]+)/, "nghttp2-proxy", ({ port, pods, file }) => ({
      argv: [
        ...["nghttpx", "--conf", file("nghttpx.conf", ""), "--workers=1", "--single-process", "--log-level=WARN"],
        `--frontend=127.0.0.1,${port};no-tls`,
        ...pods.map((pod) => `--backend=127.0.0.1,${pod};;proto=h2`),
      ],
    })),
};
