/** As deploy/cloudflare/worker.ts, with a DNS server of the test's. */
import { createFetchHandler } from "../../../src/fetch/workerd.ts";

interface Env {
  readonly TARGET: string;
  readonly DOH: string;
  readonly GATEWAY: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export class Gateway {
  readonly fetch: (request: Request) => Response | Promise<Response>;
  constructor(state: object, env: Env) {
    const options = { durableObject: state, dnsOverHttps: env.DOH };
    this.fetch = createFetchHandler({ backends: [{ target: env.TARGET }] }, options).fetch;
  }
}

export default { fetch: (request: Request, env: Env) => env.GATEWAY.getByName("one").fetch(request) };
