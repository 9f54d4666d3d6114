import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { CorsSettings } from "../config/settings.ts";
import type { Gateway } from "../gateway-api.ts";
import { classify } from "../protocols/classify.ts";
import { requestHead } from "../protocols/fetch.ts";
import { encodeMessage } from "../protocols/status.ts";
import { enterUniversal } from "../protocols/universal.ts";

/** What a call's end is told by in gRPC. */
const statusFields = ["grpc-status", "grpc-message", "grpc-status-details-bin"] as const;

/** One call in the form of Connect's handlers. @param peer the client's address, for logs */
export async function answerUniversal(
  gateway: Pick<Gateway, "enter">,
  request: UniversalServerRequest,
  cors: CorsSettings | null,
  peer: string,
): Promise<UniversalServerResponse> {
  const { body, header, signal } = request;
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) {
    throw new ConnectError("the request's body has been parsed by somebody else: bytes are needed", Code.Internal);
  }
  const head = requestHead({ method: request.method, url: request.url, headers: header });
  const trailers = request.httpVersion.startsWith("2");
  const answer = await enterUniversal(
    { header, body, signal },
    head,
    (downstream) => gateway.enter(downstream, head, { cors, trailers }),
    { peer },
  );
  if (classify(head).protocol !== "grpc") return answer;
  // gRPC's trailers-only answers are one HEADERS frame that ends the stream. A server of another make sends two, and clients look for the
  // status in the second.
  for (const name of statusFields) {
    const value = answer.header.get(name);
    if (value === null) continue;
    answer.trailer.set(name, value);
    answer.header.delete(name);
  }
  return { ...answer, body: endingInStatus(answer.body, answer.trailer) };
}

/** A server of another make ends a broken stream with a reset of its own choice, or as if it were whole: the client hears it by the status. */
async function* endingInStatus(body: AsyncIterable<Uint8Array>, trailer: Headers): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (reason) {
    const { code, rawMessage } = ConnectError.from(reason);
    trailer.set("grpc-status", String(code));
    trailer.set("grpc-message", encodeMessage(rawMessage));
  }
}
