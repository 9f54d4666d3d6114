// Bun: TARGET=dns:///echo.default.svc:50051 bun main.ts
import { createFetchHandler } from "fairlead/fetch";

const handler = createFetchHandler({ backends: [{ target: process.env.TARGET ?? "ipv4:127.0.0.1:50051" }] });
await handler.start();
const server = Bun.serve({
  port: Number(process.env.PORT ?? 8080),
  // Seconds: streams may be silent for long.
  idleTimeout: 0,
  // Bytes of a whole stream, 128 MiB otherwise; each message is limited by the gateway.
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  fetch: (request) => handler.fetch(request),
});
console.log(`listening on port ${server.port}`);
