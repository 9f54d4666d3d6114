import { decodeBase64Text } from "./base64.ts";
import type { Request } from "./classify.ts";
import { decodePercent, decodeText, latin1, readParameters } from "./query.ts";
import { Status } from "./status.ts";

/** What a Connect GET says in its query (Connect protocol, Unary-Get-Request). */
export interface GetQuery {
  readonly message: Uint8Array;
  /** The message's coding; empty for none. */
  readonly coding: string;
  /** `1`, or empty when the query does not name a version. */
  readonly version: string;
}

/** Reads the query; parameters in any order, unknown ones allowed. */
export function readGetQuery(
  query: string,
): { readonly value: GetQuery } | { readonly code: number; readonly error: string } {
  const parameters = readParameters(query);
  const text = (name: string): string => decodeText(parameters.get(name) ?? "");
  const version = text("connect");
  if (version !== "" && version !== "v1")
    return invalid(`query parameter connect is "${version.slice(0, 20)}", not "v1"`);
  const base64 = text("base64");
  if (base64 !== "" && base64 !== "0" && base64 !== "1") return invalid("query parameter base64 is neither 0 nor 1");
  const raw = decodePercent(parameters.get("message") ?? "");
  if (raw === null) return invalid("query parameter message has bad percent-escapes");
  const message = base64 === "1" ? decodeBase64Text(latin1(raw)) : raw;
  if (message === null) return invalid("query parameter message is not base64");
  return { value: { message, coding: text("compression").toLowerCase(), version: version.slice(1) } };
}

function invalid(error: string): { readonly code: number; readonly error: string } {
  return { code: Status.INVALID_ARGUMENT, error };
}

/** True when a list of methods, `package.Service/Method`, `package.Service/*` or `*`, names this one. */
export function listsMethod(list: readonly string[], request: Pick<Request, "service" | "method">): boolean {
  const { service, method } = request;
  return list.some((entry) => entry === "*" || entry === `${service}/*` || entry === `${service}/${method}`);
}
