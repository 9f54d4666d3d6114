/** `fairlead/connect`: the gateway in front of a Connect router, or of anything that takes Node's requests. */
import {
  type connectNodeAdapter,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Gateway } from "../library/create-gateway.ts";

const READ_BEFORE =
  "the request's body was read before it came to the gateway; put the gateway in front of what parses bodies";

type NodeHandler = ReturnType<typeof connectNodeAdapter>;

/** A request of `node:http`, `node:https` or `node:http2`. */
export type NodeRequest = Parameters<NodeHandler>[0];

/** The answer to one. */
export type NodeResponse = Parameters<NodeHandler>[1];

/** A handler of `node:http` and `node:http2`; with `next`, of what is built on them. */
export type NodeMiddleware = (request: NodeRequest, response: NodeResponse, next?: (error?: unknown) => void) => void;

/** How the middleware is made. */
export interface ConnectOptions {
  /** Takes the requests that no route of the gateway takes, when there is no `next`. Default: 404. */
  readonly otherwise?: (request: NodeRequest, response: NodeResponse) => void;
}

/**
 * The gateway in Node's form. Calls that one of its routes takes go to the pods, in every protocol; native gRPC where the server speaks
 * HTTP/2. It can stand in front of a Connect router, behind it, or among the middleware of Express and its like:
 *
 * ```ts
 * http2.createServer(fairlead(gateway, { otherwise: connectNodeAdapter({ routes }) }));
 * http2.createServer(connectNodeAdapter({ routes, fallback: fairlead(gateway) }));
 * app.use(fairlead(gateway));
 * ```
 *
 * The server's own HTTP/2 stays what it is: its speed and its limits are those of `node:http2`. Where a port can be the gateway's own,
 * `listen` or `handle` are what it is made for.
 */
export function fairlead(
  gateway: Pick<Gateway, "start" | "takes" | "universal">,
  options: ConnectOptions = {},
): NodeMiddleware {
  return (request, response, next) => {
    const leave = (error?: unknown): void => {
      if (next !== undefined) next(error);
      else if (error === undefined && options.otherwise !== undefined) options.otherwise(request, response);
      else {
        response.writeHead(error === undefined ? 404 : 500);
        response.end();
      }
    };
    answer(gateway, request, response, () => leave()).catch((error: unknown) => {
      // The client has left in the middle of its answer, or the pod has broken it off.
      if (response.headersSent) response.destroy();
      else leave(error);
    });
  };
}

async function answer(
  gateway: Pick<Gateway, "start" | "takes" | "universal">,
  request: NodeRequest,
  response: NodeResponse,
  leave: () => void,
): Promise<void> {
  await gateway.start();
  const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
  if (!gateway.takes({ method: universal.method, url: universal.url, headers: universal.header })) {
    leave();
    return;
  }
  // A part of it would be missing, or all: an empty message is one, too.
  if (request.method === "POST" && request.readableDidRead) throw new Error(READ_BEFORE);
  const { remoteAddress = "", remotePort = "" } = request.socket;
  const peer = `${remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
  await universalResponseToNodeResponse(await gateway.universal(universal, { peer }), response);
}
