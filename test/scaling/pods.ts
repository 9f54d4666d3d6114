import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/** A call to this path stays open until the client ends it. */
export const HOLD = "/scaling.v1.Scaling/Hold";

export interface ManyPods {
  /** Fairlead's target. */
  readonly target: string;
  /** Connections that the pods have, and calls that are held. */
  readonly connections: number;
  readonly held: number;
  close(): void;
}

/** So many pods on addresses of their own in 127.77.0.0/16, all in this process: only what they cost the gateway is measured. */
export async function manyPods(count: number): Promise<ManyPods> {
  const state = { connections: 0, held: 0 };
  const servers: Http2Server[] = [];
  const labels: string[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer();
    server.on("session", (session) => {
      state.connections++;
      session.on("close", () => state.connections--);
      session.on("error", () => {});
    });
    server.on("stream", (stream, head) => {
      stream.on("error", () => {});
      if (head[":path"] === HOLD) {
        state.held++;
        stream.on("close", () => state.held--);
      } else echo(stream);
    });
    const host = `127.77.${i >> 8}.${i & 255}`;
    server.listen(0, host);
    await once(server, "listening");
    servers.push(server);
    labels.push(`${host}:${(server.address() as AddressInfo).port}`);
  }
  return {
    target: `ipv4:${labels.join(",")}`,
    get connections() {
      return state.connections;
    },
    get held() {
      return state.held;
    },
    close: () => {
      for (const server of servers) server.close();
    },
  };
}

function echo(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.pipe(stream);
}
