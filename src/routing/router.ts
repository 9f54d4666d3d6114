import type { RouteSettings } from "../config/settings.ts";
import type { Fields } from "../http2/receiver.ts";
import type { Random } from "../runtime/machine.ts";
import { hostOf } from "./authority.ts";
import { createRules } from "./rule.ts";

/** What a call is routed by. */
export interface RoutedCall {
  /** `shop.v1.CartService`, without slashes. */
  readonly service: string;
  readonly method: string;
  /** As the client sent it; port and case make no difference. */
  readonly authority: string;
  readonly headers: Fields;
}

/** Where the calls to one method of one authority go. */
export type Decision =
  /** Always there: to be remembered beside the head. Null: no route takes them. */
  | { readonly kind: "fixed"; readonly backend: string | null; readonly route: RouteSettings | null }
  /** It depends on the headers or on chance, and is to be asked for each call. */
  | { readonly kind: "open"; take(headers: Fields): Taken | null };

/** A call's backend, and the route that took it. */
export interface Taken {
  readonly backend: string;
  readonly route: RouteSettings;
}

export interface Router {
  /** @returns the name of a backend; null when no route takes the call */
  route(call: RoutedCall): string | null;
  /** Everything about a route that does not depend on the single call. The answer never changes, and may be kept. */
  decide(service: string, method: string, authority: string): Decision;
}

/** @param random chooses between the backends of a route, by weight */
export function createRouter(routes: readonly RouteSettings[], random: Random): Router {
  const rules = createRules(routes);
  const choices = new Map(routes.map((route) => [route, createChoice(route, random)]));
  const only = rules.length === 1 && routes[0].hostnames.length === 0 && routes[0].matches.length === 0;
  const everyCall = only ? decisionOf(routes[0], choices.get(routes[0])!) : null;

  const decide: Router["decide"] = (service, method, authority) => {
    if (everyCall !== null) return everyCall;
    const host = hostOf(authority);
    const candidates: { headers: ((fields: Fields) => boolean) | null; route: RouteSettings; choice: Choice }[] = [];
    for (const { path, headers, route } of rules) {
      if (!path(host, service, method)) continue;
      candidates.push({ headers, route, choice: choices.get(route)! });
      // Nothing after a rule that wants no headers can have its turn.
      if (headers === null) break;
    }
    if (candidates.length === 0) return { kind: "fixed", backend: null, route: null };
    if (candidates[0].headers === null) return decisionOf(candidates[0].route, candidates[0].choice);
    return {
      kind: "open",
      take(fields) {
        for (const { headers, route, choice } of candidates) {
          if (headers !== null && !headers(fields)) continue;
          return { route, backend: typeof choice === "string" ? choice : choice() };
        }
        return null;
      },
    };
  };
  return {
    decide,
    route({ service, method, authority, headers }) {
      const decision = decide(service, method, authority);
      return decision.kind === "fixed" ? decision.backend : (decision.take(headers)?.backend ?? null);
    },
  };
}

/** The only backend of a route, or a draw between several. */
type Choice = string | (() => string);

function decisionOf(route: RouteSettings, choice: Choice): Decision {
  if (typeof choice === "string") return { kind: "fixed", backend: choice, route };
  return { kind: "open", take: () => ({ route, backend: choice() }) };
}

function createChoice(route: RouteSettings, random: Random): Choice {
  const refs = route.backendRefs.filter(({ weight }) => weight > 0);
  if (refs.length === 0) throw new Error(`route ${route.name}: no backend with a weight above 0`);
  if (refs.length === 1) return refs[0].name;
  const total = refs.reduce((sum, { weight }) => sum + weight, 0);
  return () => {
    let left = random() * total;
    for (const { name, weight } of refs) {
      left -= weight;
      if (left < 0) return name;
    }
    // Only by rounding.
    return refs[refs.length - 1].name;
  };
}
