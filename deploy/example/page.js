// The example's page, as files:  node /app/example/page.js [HOST:PORT]
import { readFileSync } from "node:fs";
import http from "node:http";

const [host, port] = (process.argv[2] ?? "0.0.0.0:8000").split(":");
const read = (name) => readFileSync(new URL(name, import.meta.url));
const files = {
  "/": ["text/html; charset=utf-8", read("./index.html")],
  "/call.js": ["text/javascript; charset=utf-8", read("./call.js")],
};

const server = http.createServer((request, response) => {
  const [type, body] = files[new URL(request.url, "http://page").pathname] ?? [];
  if (body === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": type }).end(body);
});
server.listen(Number(port), host, () => {
  console.log(JSON.stringify({ event: "listening", host, port: server.address().port }));
});
process.once("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
