// Cloudflare Workers: the gateway lives in a Durable Object, because sockets belong to whoever opened them.
import { createFetchHandler } from "fairlead/fetch";

interface Env {
  readonly TARGET: string;
  readonly GATEWAY: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export class Gateway {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  constructor(state: object, env: Env) {
    this.fetch = createFetchHandler({ backends: [{ target: env.TARGET }] }, { durableObject: state }).fetch;
  }
}

// One for each of Cloudflare's data centres: near the client, and it counts the calls of all isolates there.
const place = (request: Request) => (request as { cf?: { colo?: string } }).cf?.colo ?? "anywhere";
export default { fetch: (request: Request, env: Env) => env.GATEWAY.getByName(place(request)).fetch(request) };
