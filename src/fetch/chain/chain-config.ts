import { checkCors } from "../../config/check-cors.ts";
import { rules } from "../../config/defaults.ts";
import type { CorsSettings } from "../../config/settings.ts";
import { LONGEST_TIMER_MS } from "../../protocols/timeout.ts";

/** Calls go on by `fetch` to gateways in a cluster, in the protocol that the client speaks; those do the balancing. */
export interface ChainConfig {
  /** Where to, and how. */
  readonly chain: ChainOptions;
}

/** How calls go on to gateways in a cluster. Times are milliseconds. */
export interface ChainOptions {
  /** Where gateways in the cluster are reached: `https://rpc.example.com`, a path prefix may follow. The least busy one is asked. */
  readonly ingresses: readonly string[];
  /**
   * Milliseconds without an answer after which one more ingress is asked, for unary Connect calls without side effects: GET, and
   * the methods of `safe`. The first answer counts, the other call is cancelled. Default: never.
   */
  readonly hedgeAfter?: number;
  /** Methods without side effects, which may be made twice: `package.Service/Method`, `package.Service/*`, `*`. Default: none. */
  readonly safe?: readonly string[];
  /** Bytes of a request that are kept so that another ingress can be asked. Default: 65536. */
  readonly retryBuffer?: number;
  /** The longest deadline that a call may have, milliseconds; others are cut to it. Default: none. */
  readonly maxTimeout?: number;
  /** Which pages may call. Default: what the ingress says is passed on. */
  readonly cors?: Partial<CorsSettings> & Pick<CorsSettings, "allowOrigins">;
}

/** Checked, with every default filled in. */
export interface ChainSettings {
  readonly ingresses: readonly string[];
  readonly hedgeAfter: number | null;
  readonly safe: readonly string[];
  readonly retryBuffer: number;
  readonly maxTimeout: number;
  readonly cors: CorsSettings | null;
}

export function isChain(config: unknown): config is ChainConfig {
  return typeof config === "object" && config !== null && "chain" in config;
}

/** @throws with what is wrong, one line */
export function chainSettings({ chain }: ChainConfig): ChainSettings {
  const { ingresses, hedgeAfter, safe = [], retryBuffer, maxTimeout, cors } = chain;
  if (ingresses.length === 0)
    throw new Error("chain.ingresses: is empty; name a gateway, such as https://rpc.example.com");
  for (const [name, value] of Object.entries({ hedgeAfter, retryBuffer, maxTimeout })) {
    if (value !== undefined && !(value >= 0)) throw new Error(`chain.${name}: ${value} is not a number from 0 up`);
  }
  check("safe", safe, rules["Route.connectGet"]);
  if (cors !== undefined) checkChainCors(cors);
  return {
    ingresses: ingresses.map(ingress),
    hedgeAfter: hedgeAfter !== undefined && hedgeAfter < LONGEST_TIMER_MS ? hedgeAfter : null,
    safe,
    retryBuffer: retryBuffer ?? rules["Backend.retryBufferBytes"].default,
    maxTimeout: maxTimeout ?? Number.POSITIVE_INFINITY,
    cors:
      cors === undefined
        ? null
        : {
            allowOrigins: cors.allowOrigins.map((origin) => origin.toLowerCase()),
            allowHeaders: cors.allowHeaders ?? [],
            exposeHeaders: cors.exposeHeaders ?? [],
            allowCredentials: cors.allowCredentials ?? rules["Cors.allowCredentials"].default,
            maxAge: cors.maxAge ?? rules["Cors.maxAge"].default,
          },
  };
}

interface Shape {
  readonly pattern: RegExp;
  readonly like: string;
}

/** The same as in a configuration file: what never matches is told, and not found out. */
function check(path: string, values: readonly string[], { pattern, like }: Shape): void {
  values.forEach((value, index) => {
    if (!pattern.test(value)) throw new Error(`chain.${path}[${index}]: "${value}" is not ${like}`);
  });
}

function checkChainCors(cors: NonNullable<ChainOptions["cors"]>): void {
  const { allowOrigins, allowHeaders = [], exposeHeaders = [], allowCredentials, maxAge } = cors;
  check("cors.allowOrigins", allowOrigins, rules["Cors.allowOrigins"]);
  check("cors.allowHeaders", allowHeaders, rules["Cors.allowHeaders"]);
  check("cors.exposeHeaders", exposeHeaders, rules["Cors.exposeHeaders"]);
  const { min, max } = rules["Cors.maxAge"];
  if (maxAge !== undefined && !(maxAge >= min && maxAge <= max))
    throw new Error(`chain.cors.maxAge: ${maxAge} is not a number from ${min} to ${max}`);
  const report = {
    has: () => false,
    add: (path: string, what: string) => {
      throw new Error(`${path}: ${what}`);
    },
  };
  checkCors({ allowOrigins, allowHeaders, exposeHeaders, allowCredentials }, "chain.cors", report);
}

/** Without a slash at its end, so that a call's path can follow. */
function ingress(text: string, index: number): string {
  const right = "write it like https://rpc.example.com";
  if (!URL.canParse(text)) throw new Error(`chain.ingresses[${index}]: "${text}" is not a URL; ${right}`);
  const url = new URL(text);
  if ((url.protocol !== "https:" && url.protocol !== "http:") || url.search !== "" || url.hash !== "") {
    throw new Error(`chain.ingresses[${index}]: "${text}" is not http or https, or has a query; ${right}`);
  }
  // Fetch standard, Request constructor: a URL with credentials throws, which would be at every call.
  if (url.username !== "" || url.password !== "")
    throw new Error(`chain.ingresses[${index}]: has a user or a password, which fetch does not take; ${right}`);
  return url.href.replace(/\/$/, "");
}
