import { summary } from "../../e2e/support/call.ts";
import { encodeMessage } from "../../e2e/support/echo.ts";
import type { ClientObservation } from "./seen.ts";

/** Numbers of the codes, by their names in Connect's JSON. */
const CODES = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

interface ConnectError {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

/** Reads an HTTP answer, head and body, as one of Connect unary in JSON whose message is a BytesValue. */
export function answerOfConnectUnary(whole: string): ClientObservation {
  let rest = whole;
  let head = "";
  // What comes before the answer: `100 Continue`.
  do {
    const end = rest.indexOf("\r\n\r\n");
    head = rest.slice(0, end);
    rest = rest.slice(end + 4);
  } while (/^HTTP\/\S+ 1\d\d/.test(head));
  const fields = head
    .split("\r\n")
    .slice(1)
    .map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
  // Connect unary: trailers are headers with a prefix.
  const headers = fields.filter(([name]) => !name.startsWith("trailer-"));
  const trailers = fields.flatMap(([name, value]): [string, string][] =>
    name.startsWith("trailer-") ? [[name.slice("trailer-".length), value]] : [],
  );
  if (/^HTTP\/\S+ 200/.test(head)) {
    const answer = encodeMessage(Buffer.from(JSON.parse(rest) as string, "base64"));
    return { code: 0, message: "", headers, trailers, details: [], answers: [summary(answer)] };
  }
  const error = JSON.parse(rest) as ConnectError;
  return {
    code: CODES.indexOf(error.code),
    message: error.message ?? "",
    headers,
    trailers,
    details: (error.details ?? []).map(({ type, value }) => [type, value] as const),
    answers: [],
  };
}
