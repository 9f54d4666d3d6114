// Node: TARGET=dns:///echo.default.svc:50051 node main.ts
import { serve } from "@hono/node-server";
import { createFetchHandler } from "fairlead/fetch";

const handler = createFetchHandler({ backends: [{ target: process.env.TARGET ?? "ipv4:127.0.0.1:50051" }] });
await handler.start();
const port = Number(process.env.PORT ?? 8080);
// Milliseconds: a stream may send for hours, which Node cuts after five minutes otherwise; a head may not take as long.
const serverOptions = { requestTimeout: 0, headersTimeout: 60_000 };
serve({ fetch: handler.fetch, port, serverOptions }, (at) => {
  console.log(`listening on port ${at.port}`);
});
