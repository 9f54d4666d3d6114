// The obvious gRPC proxy on node:http2: what a gateway costs that does not bring its own HTTP/2.
// Usage: node node-http2-proxy.mjs PORT POD_PORT...
import { connect, createServer } from "node:http2";

const [port, ...podPorts] = process.argv.slice(2).map(Number);
const pods = podPorts.map((podPort) => ({ session: connect(`http://127.0.0.1:${podPort}`), outstanding: 0 }));

const server = createServer({ settings: { maxConcurrentStreams: 256 } });
server.on("stream", (downstream, head) => {
  const pod = pods.reduce((least, other) => (other.outstanding < least.outstanding ? other : least));
  pod.outstanding++;
  const upstream = pod.session.request({ ...head }, { endStream: false });
  let trailers = {};
  upstream.on("response", (answer) => {
    downstream.respond({ ...answer }, { waitForTrailers: true });
    downstream.on("wantTrailers", () => downstream.sendTrailers(trailers));
    upstream.pipe(downstream);
  });
  upstream.on("trailers", (received) => {
    trailers = { ...received };
  });
  upstream.on("close", () => {
    pod.outstanding--;
  });
  // Without listeners an abandoned call would end the process; nothing else is mended here.
  upstream.on("error", () => downstream.destroy());
  downstream.on("error", () => upstream.destroy());
  downstream.pipe(upstream);
});
server.listen(port, "127.0.0.1");
