import { parseIp } from "./ip.ts";

export interface ResolvConf {
  /** IP literals, at most three, in order. */
  readonly nameservers: readonly string[];
  /** Domains to append, in order, without dots at their ends; the empty text is the root. */
  readonly search: readonly string[];
  /** A name with at least so many dots is first tried as it is. */
  readonly ndots: number;
  /** Time for one answer, milliseconds. */
  readonly timeout: number;
  /** Rounds through the servers. */
  readonly attempts: number;
  /** Start each time with another server. */
  readonly rotate: boolean;
  /** `use-vc`: TCP only. */
  readonly tcpOnly: boolean;
}

/** The bounds and defaults of glibc (resolv.conf(5)); a server on this machine when the file names none. */
const DEFAULTS: ResolvConf = {
  nameservers: ["127.0.0.1"],
  search: [],
  ndots: 1,
  timeout: 5_000,
  attempts: 2,
  rotate: false,
  tcpOnly: false,
};
const MAX_NAMESERVERS = 3;
const MAX_NDOTS = 15;
const MAX_TIMEOUT_S = 30;
const MAX_ATTEMPTS = 5;

/**
 * Reads resolv.conf(5) as glibc does: what is not understood is passed over, and the last of `search` and `domain` counts.
 * One thing is left out: without either line glibc searches the domain of the machine's host name, which pods do not have.
 */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search = DEFAULTS.search;
  let { ndots, timeout, attempts, rotate, tcpOnly } = DEFAULTS;
  for (const line of text.split(/\r?\n/)) {
    // A comment has its sign in the first column.
    if (line.startsWith("#") || line.startsWith(";")) continue;
    const [keyword, ...values] = line.split(/[ \t]+/);
    if (keyword === "nameserver") {
      const ip = parseIp(values[0] ?? "");
      if (ip !== null && nameservers.length < MAX_NAMESERVERS) nameservers.push(ip.text);
    } else if (keyword === "search") {
      search = values.filter((value) => value !== "").map(domain);
    } else if (keyword === "domain" && values[0]) {
      search = [domain(values[0])];
    } else if (keyword === "options") {
      for (const option of values) {
        const [name, value = ""] = option.split(":", 2);
        const number = /^[0-9]+$/.test(value) ? Number(value) : null;
        if (name === "ndots" && number !== null) ndots = Math.min(number, MAX_NDOTS);
        else if (name === "timeout" && number !== null) timeout = Math.max(1, Math.min(number, MAX_TIMEOUT_S)) * 1_000;
        else if (name === "attempts" && number !== null) attempts = Math.max(1, Math.min(number, MAX_ATTEMPTS));
        else if (name === "rotate") rotate = true;
        else if (name === "use-vc") tcpOnly = true;
      }
    }
  }
  return {
    nameservers: nameservers.length === 0 ? DEFAULTS.nameservers : nameservers,
    search,
    ndots,
    timeout,
    attempts,
    rotate,
    tcpOnly,
  };
}

function domain(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}

/** A DNS name has at most 253 characters (RFC 1035 2.3.4). */
const MAX_NAME_CHARACTERS = 253;

/**
 * The names to ask for, in order, without dots at their ends: as res_search of glibc does it. A name with a dot at its end
 * is complete; one with fewer than `ndots` dots is first looked for in the search domains, another one last.
 */
export function candidateNames(name: string, conf: Pick<ResolvConf, "search" | "ndots">): readonly string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const dots = name.split(".").length - 1;
  const searched = conf.search.map((suffix) => (suffix === "" ? name : `${name}.${suffix}`));
  const all = dots >= conf.ndots ? [name, ...searched] : [...searched, name];
  return [...new Set(all)].filter((candidate) => candidate.length <= MAX_NAME_CHARACTERS);
}
