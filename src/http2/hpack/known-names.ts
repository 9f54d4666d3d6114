import { STATIC_NAMES, STATIC_VALUES } from "./static-table.ts";

/**
 * How the values of a field are sent:
 * `repeats`: by index, once they have been seen twice;
 * `varies`: as literals, because they hardly ever come again; only the name is indexed;
 * `secret`: as never-indexed literals, so that nobody can find them out by probing the table (RFC 7541 7.1).
 */
export type Habit = "repeats" | "varies" | "secret";

/** What is known of a field name before the first call. Shared by all encoders. */
export interface KnownName {
  readonly habit: Habit;
  /** The first index of the name in the static table; 0 when it is not there. */
  readonly staticIndex: number;
  /** Index by value of the static entries of this name; null when it has none. */
  readonly staticValues: ReadonlyMap<string, number> | null;
}

/**
 * Short cookies too: RFC 7541 7.1.3 would allow long ones to be indexed, but one rule is easier to trust, and cookies are rare here.
 */
const SECRET = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/** Times, sizes, identifiers and texts of one call. */
const VARIES = [
  ...[
    "age",
    "content-length",
    "content-range",
    "date",
    "etag",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
  ],
  ...[
    "if-unmodified-since",
    "last-modified",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-timeout",
    "grpc-trace-bin",
  ],
  ...["grpc-tags-bin", "connect-timeout-ms", "traceparent", "x-request-id", "x-correlation-id", "x-b3-traceid"],
  ...["x-b3-spanid", "x-b3-parentspanid", "b3", "x-cloud-trace-context", "x-amzn-trace-id"],
];

export const KNOWN_NAMES: ReadonlyMap<string, KnownName> = knownNames();

function knownNames(): Map<string, KnownName> {
  const known = new Map<string, KnownName>();
  for (const name of new Set([...STATIC_NAMES.slice(1), ...SECRET, ...VARIES])) {
    const values = new Map<string, number>();
    for (let index = STATIC_NAMES.length - 1; index > 0; index--) {
      if (STATIC_NAMES[index] === name) values.set(STATIC_VALUES[index], index);
    }
    const habit = SECRET.includes(name) ? "secret" : VARIES.includes(name) ? "varies" : "repeats";
    const staticIndex = Math.max(0, STATIC_NAMES.indexOf(name));
    known.set(name, { habit, staticIndex, staticValues: values.size > 0 ? values : null });
  }
  return known;
}
