// Node: TARGET=dns:///echo.default.svc:50051 node main.ts
import { serve } from "@hono/node-server";
import { createFetchHandler } from "fairlead/fetch";

const handler = createFetchHandler({ backends: [{ target: process.env.TARGET ?? "ipv4:127.0.0.1:50051" }] });
await handler.start();
serve({ fetch: handler.fetch, port: Number(process.env.PORT ?? 8080) }, ({ port }) => {
  console.log(`listening on port ${port}`);
});
