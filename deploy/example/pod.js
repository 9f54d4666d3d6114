// A pod of the example: a plain gRPC server with a name of its own, as any language's would be. It is run by Fairlead's image, which
// has what it imports:  node /app/example/pod.js [HOST:PORT]
import http2 from "node:http2";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { EchoService } from "../dist/gen/fairlead/demo/v1/echo_pb.js";

const [host, port] = (process.argv[2] ?? "0.0.0.0:50051").split(":");
const pod = process.env.POD_NAME ?? hostname();
/** Milliseconds of work in each call. */
const work = Number(process.env.WORK ?? 20);

const routes = (router) =>
  router.service(EchoService, {
    async echo({ text }) {
      await setTimeout(work);
      return { text, pod };
    },
    async *repeat({ text, times }) {
      for (let number = 1; number <= Math.min(times || 1, 1000); number++) {
        await setTimeout(work);
        yield { text, pod, number };
      }
    },
  });

// gRPC and nothing else: Connect and gRPC-Web are the gateway's business.
const server = http2.createServer(connectNodeAdapter({ routes, connect: false, grpcWeb: false }));
const sessions = new Set();
server.on("session", (session) => {
  sessions.add(session);
  session.on("close", () => sessions.delete(session));
});
server.listen(Number(port), host, () => {
  console.log(JSON.stringify({ event: "listening", pod, host, port: server.address().port }));
});

// GOAWAY: open calls finish, and the gateway sends what comes after to other pods.
process.once("SIGTERM", () => {
  server.close();
  for (const session of sessions) session.close();
});
