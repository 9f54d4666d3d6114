/** A pod for the benchmark: connect-node's, in a process of its own. Says its port, and ends with its standard input. */
import process from "node:process";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { EchoService } from "../../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { startNodeHttp2Server } from "../../../src/runtime/http2-server.ts";

const handler = connectNodeAdapter({
  routes: (router) => {
    router.service(EchoService, { echo: ({ text }) => ({ text }) });
  },
});
const { port } = await startNodeHttp2Server(handler, "127.0.0.1", 0);
process.stdout.write(`${port}\n`);
process.stdin.resume().once("end", () => process.exit(0));
