// Vercel Edge Functions: api/rpc.ts; vercel.json sends every path of a call here. INGRESSES: gateways, apart by commas.
import { createFetchHandler } from "fairlead/fetch";

export const config = { runtime: "edge" };

const ingresses = (process.env.INGRESSES ?? "").split(",");
const handler = createFetchHandler({ chain: { ingresses } });

export default (request: Request) => handler.fetch(request);
