import type { Head } from "../http2/receiver.ts";
import type { Request } from "./classify.ts";
import { codingsOf, grpcContentType } from "./codec.ts";
import { copyMetadata, keepNeverIndexed } from "./metadata.ts";
import { field, listOf } from "./status.ts";
import { formatTimeout } from "./timeout.ts";

/** The request's head as the pod sees it: gRPC, whatever the client speaks. Remembered on the request by the caller. */
export function innerHead(request: Request, head: Head): Head {
  const fields = [":method", "POST", ":scheme", "http", ":path", request.path];
  if (request.authority !== "") fields.push(":authority", request.authority);
  fields.push("content-type", grpcContentType(request.codec), "te", "trailers");
  // The value that passes on when no time is spent here; otherwise the call replaces it.
  if (Number.isFinite(request.timeout) && request.timeout > 0) {
    fields.push("grpc-timeout", formatTimeout(request.timeout));
  }
  const { encoding, accept } = codings(request, head);
  if (encoding !== "" && encoding !== "identity") fields.push("grpc-encoding", encoding);
  if (accept !== "") fields.push("grpc-accept-encoding", accept);
  copyMetadata(head.fields, fields);
  return { fields, neverIndexed: keepNeverIndexed(head, fields), memo: undefined };
}

/** What the client's compression fields are called in gRPC. */
function codings(request: Request, head: Head): { readonly encoding: string; readonly accept: string } {
  const { fields } = head;
  switch (request.protocol) {
    case "connect-unary":
    case "connect-get":
      return { encoding: request.coding, accept: codingsOf(listOf(fields, "accept-encoding")) };
    case "connect-stream":
      return { encoding: request.coding, accept: codingsOf(listOf(fields, "connect-accept-encoding")) };
    default:
      // Browsers' gRPC-Web clients throw on compressed messages: a pod that may choose must not choose compression.
      return {
        encoding: request.coding,
        accept: field(fields, "grpc-accept-encoding") ?? "identity",
      };
  }
}
