import type { RouteMatch, RouteSettings } from "../config/settings.ts";
import type { Fields } from "../http2/receiver.ts";
import { hostMatches } from "./authority.ts";

/** One match of one route for one hostname: what precedence is decided between. */
export interface Rule {
  readonly route: RouteSettings;
  /** Whether it takes calls to this method of this host. */
  path(host: string, service: string, method: string): boolean;
  /** Whether the request's headers are as it wants them; null when it wants none. */
  readonly headers: ((fields: Fields) => boolean) | null;
  /** Compared from left to right; the larger comes first. */
  readonly precedence: readonly number[];
}

const everything: RouteMatch = { type: "Exact", service: null, method: null, headers: [] };

/** All rules of the routes, the most specific first. What is equally specific stays in the order of the routes. */
export function createRules(routes: readonly RouteSettings[]): readonly Rule[] {
  const rules = routes.flatMap((route) => {
    const hostnames = route.hostnames.length === 0 ? [null] : route.hostnames;
    const matches = route.matches.length === 0 ? [everything] : route.matches;
    return hostnames.flatMap((hostname) => matches.map((match) => createRule(route, hostname, match)));
  });
  return rules.toSorted((a, b) => {
    const index = a.precedence.findIndex((value, at) => value !== b.precedence[at]);
    return index < 0 ? 0 : b.precedence[index] - a.precedence[index];
  });
}

function createRule(route: RouteSettings, hostname: string | null, match: RouteMatch): Rule {
  const service = createTest(match.service, match.type);
  const method = createTest(match.method, match.type);
  const headers = match.headers.map(({ name, value, type }) => ({ name, test: createTest(value, type) }));
  return {
    route,
    path: (host, serviceName, methodName) =>
      (hostname === null || hostMatches(hostname, host)) && service(serviceName) && method(methodName),
    headers:
      headers.length === 0
        ? null
        : (fields) =>
            headers.every(({ name, test }) => {
              const value = joinedValue(fields, name);
              return value !== null && test(value);
            }),
    precedence: precedence(hostname, match),
  };
}

/**
 * "Precedence must be given to the rule with the largest number of: characters in a matching non-wildcard hostname,
 * characters in a matching hostname, characters in a matching service, characters in a matching method, header matches."
 * (Gateway API, GRPCRouteRule.) It leaves open where regular expressions stand: after exact ones, as they may match more.
 */
function precedence(hostname: string | null, match: RouteMatch): number[] {
  const exact = match.type === "Exact" ? 1 : 0;
  const length = (text: string | null) => text?.length ?? 0;
  return [
    hostname?.startsWith("*.") ? 0 : length(hostname),
    length(hostname),
    match.service === null ? 0 : exact,
    length(match.service),
    match.method === null ? 0 : exact,
    length(match.method),
    match.headers.length,
  ];
}

function createTest(wanted: string | null, type: RouteMatch["type"]): (value: string) => boolean {
  if (wanted === null) return () => true;
  if (type === "Exact") return (value) => value === wanted;
  const pattern = new RegExp(`^(?:${wanted})$`, "u");
  return (value) => pattern.test(value);
}

/**
 * Several fields of one name are one value, joined by commas (RFC 9110 5.3); cookies, which clients split for the sake of HPACK, by
 * semicolons (RFC 9113 8.2.3). Null when there is none.
 */
function joinedValue(fields: Fields, name: string): string | null {
  const between = name === "cookie" ? "; " : ", ";
  let value: string | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) value = value === null ? fields[i + 1] : value + between + fields[i + 1];
  }
  return value;
}
