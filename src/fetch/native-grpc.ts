import type { CorsSettings } from "../config/settings.ts";
import { readContentType } from "../protocols/codec.ts";
import { CorsResponse } from "../protocols/cors.ts";
import { enterFetch } from "../protocols/fetch.ts";
import { Status, trailersOnly } from "../protocols/status.ts";
import type { Clock } from "../runtime/machine.ts";

const WHY =
  "this is a fetch platform, whose answers have no trailers, and gRPC says in them how a call ended: use Connect or " +
  "gRPC-Web here, or a gateway with a port of its own";

/**
 * The answer to native gRPC, null for other requests. In gRPC's own form, trailers-only (gRPC PROTOCOL-HTTP2: "Trailers-Only
 * is permitted for calls that produce an immediate error"), because its clients show their users the message of that and no more
 * than the number of an HTTP status.
 */
export function refuseNativeGrpc(
  request: Request,
  cors: CorsSettings | null,
  clock: Pick<Clock, "timer">,
): Promise<Response> | null {
  const type = request.headers.get("content-type") ?? "";
  if (readContentType(type)?.protocol !== "grpc") return null;
  const origin = request.headers.get("origin") ?? "";
  return enterFetch(
    request,
    (downstream) => {
      const to = cors === null ? downstream : new CorsResponse(downstream, cors, origin);
      to.head(trailersOnly(Status.UNIMPLEMENTED, WHY, type));
      to.end(null);
      return { head() {}, data() {}, end() {}, abort() {} };
    },
    "",
    clock,
  );
}
