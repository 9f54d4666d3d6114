/** For `deno serve`. */
import process from "node:process";
import { createFetchHandler } from "../../../src/fetch/node.ts";
import { configOf } from "./config.ts";

const handler = createFetchHandler(configOf(process.env.TARGET ?? ""));
await handler.start();
export default { fetch: (request: Request) => handler.fetch(request) };
