/** For workerd: the gateway in a Durable Object. */
import { createFetchHandler } from "../../../src/fetch/workerd.ts";
import { configOf } from "./config.ts";

interface Env {
  readonly TARGET: string;
  readonly GATEWAY: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export class Gateway {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  constructor(state: object, env: Env) {
    this.fetch = createFetchHandler(configOf(env.TARGET), { durableObject: state }).fetch;
  }
}

export default { fetch: (request: Request, env: Env) => env.GATEWAY.getByName("one").fetch(request) };
