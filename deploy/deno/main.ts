// Deno: TARGET=dns:///echo.default.svc:50051 deno serve --allow-net --allow-env=TARGET,LOG_TOKENS,LOG_STREAM main.ts
import { createFetchHandler } from "fairlead/fetch";

const handler = createFetchHandler({ backends: [{ target: Deno.env.get("TARGET") ?? "ipv4:127.0.0.1:50051" }] });
await handler.start();
export default { fetch: (request: Request) => handler.fetch(request) };
