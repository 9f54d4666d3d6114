/** A mistake: a gateway's sockets would belong to the first request. */
import { createFetchHandler } from "../../../src/fetch/workerd.ts";

const handler = createFetchHandler("backends: [{ target: 'ipv4:127.0.0.1:50051' }]");
export default { fetch: (request: Request) => handler.fetch(request) };
