import { readContentType } from "../protocols/codec.ts";
import { Status, trailersOnly } from "../protocols/status.ts";

const WHY =
  "this is a fetch platform, whose answers have no trailers, and gRPC says in them how a call ended: use Connect or " +
  "gRPC-Web here, or a gateway with a port of its own";

/**
 * The answer to native gRPC, null for other requests. In gRPC's own form, trailers-only (gRPC PROTOCOL-HTTP2: "Trailers-Only
 * is permitted for calls that produce an immediate error"), because its clients show their users the message of that and no more
 * than the number of an HTTP status.
 */
export function refuseNativeGrpc(request: Request): Response | null {
  const type = request.headers.get("content-type") ?? "";
  if (readContentType(type)?.protocol !== "grpc") return null;
  const { fields } = trailersOnly(Status.UNIMPLEMENTED, WHY, type);
  const headers = new Headers();
  for (let i = 2; i < fields.length; i += 2) headers.append(fields[i], fields[i + 1]);
  return new Response(null, { status: 200, headers });
}
