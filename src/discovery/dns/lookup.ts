import type { Answer, FailureOutcome } from "./ask.ts";
import { type DnsRecord, type Message, type Question, RCODE, TYPE } from "./message.ts";
import { sameName } from "./name.ts";

/** The kinds of records that are looked for. */
export type LookupKind = "A" | "AAAA" | "SRV";

export type RecordOf<K extends DnsRecord["kind"]> = Extract<DnsRecord, { readonly kind: K }>;

export type Negative = "nxdomain" | "nodata";

/** What a name has of one type. */
export type Lookup<K extends LookupKind> =
  | {
      readonly kind: "found";
      readonly records: readonly RecordOf<K>[];
      /** Seconds: the least of the records and the aliases that led to them. */
      readonly ttl: number;
      /** What the server added unasked: the addresses of SRV targets, mostly. */
      readonly additionals: readonly DnsRecord[];
    }
  | { readonly kind: "none"; readonly outcome: Negative; readonly reason: string }
  | { readonly kind: "failed"; readonly outcome: FailureOutcome; readonly reason: string };

/** Aliases followed in all, over however many answers: as many as BIND's resolver takes. Longer ones are a loop. */
const MAX_ALIASES = 16;

/**
 * Finds the records of one type at the end of a name's chain of aliases (RFC 1034 3.6.2). A server that resolves for others
 * sends the whole chain; from one that does not, the rest is asked for.
 */
export async function lookup<K extends LookupKind>(
  askQuestion: (question: Question) => Promise<Answer>,
  name: string,
  kind: K,
): Promise<Lookup<K>> {
  let current = name;
  let ttl = Number.POSITIVE_INFINITY;
  let aliases = 0;
  for (;;) {
    const answer = await askQuestion({ name: current, type: TYPE[kind] });
    if (answer.kind === "failed") {
      return { kind: "failed", outcome: answer.outcome, reason: `${name}: ${answer.reason} (type ${kind})` };
    }
    const { message } = answer;
    const askedFor = current;
    for (let alias = aliasOf(message, current); alias !== undefined; alias = aliasOf(message, current)) {
      if (++aliases > MAX_ALIASES) {
        return { kind: "failed", outcome: "garbage", reason: `${name}: more than ${MAX_ALIASES} aliases in a row` };
      }
      current = alias.target;
      ttl = Math.min(ttl, alias.ttl);
    }
    // RFC 2308 2.1: with aliases in the answer NXDOMAIN is said of the last name of the chain.
    if (message.rcode === RCODE.NXDOMAIN) {
      return { kind: "none", outcome: "nxdomain", reason: `${name}: no such name (NXDOMAIN for ${current})` };
    }
    const end = current;
    const records = message.answers.filter(
      (record): record is RecordOf<K> => record.kind === kind && sameName(record.name, end),
    );
    if (records.length > 0) {
      ttl = Math.min(ttl, ...records.map((record: DnsRecord) => record.ttl));
      return { kind: "found", records, ttl, additionals: message.additionals };
    }
    if (askedFor === current) {
      return { kind: "none", outcome: "nodata", reason: `${name}: the name exists but has no ${kind} records` };
    }
  }
}

function aliasOf(message: Message, name: string): RecordOf<"CNAME"> | undefined {
  return message.answers.find(
    (record): record is RecordOf<"CNAME"> => record.kind === "CNAME" && sameName(record.name, name),
  );
}
