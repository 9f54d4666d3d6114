import type { DnsTransport, Random } from "../../runtime/machine.ts";
import { addressText } from "../address-set.ts";
import type { ResolutionOutcome } from "../resolver.ts";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import { type Message, type Question, query, RCODE, rcodeText, TYPE } from "./message.ts";
import { sameName } from "./name.ts";

export interface DnsServer {
  readonly host: string;
  readonly port: number;
}

/** Whom to ask, and how. */
export interface Servers {
  readonly list: readonly DnsServer[];
  /** Time for one answer of one server, milliseconds. */
  readonly timeout: number;
  /** Rounds through the list. */
  readonly attempts: number;
  readonly tcpOnly: boolean;
}

export type FailureOutcome = Exclude<ResolutionOutcome, "ok" | "nxdomain" | "nodata">;

/** One question's answer: a message that says yes or no (NOERROR or NXDOMAIN), or why there is none. */
export type Answer =
  | { readonly kind: "answered"; readonly message: Message; readonly server: DnsServer }
  | { readonly kind: "failed"; readonly outcome: FailureOutcome; readonly reason: string };

/**
 * Asks one question of the servers in turn until one knows: RFC 1035 over UDP with EDNS (RFC 6891), without EDNS when the
 * server does not understand it, over TCP when the answer was cut (RFC 7766 5). A server that has answered with an error is
 * not asked again here; one that was silent is, in the next round: datagrams get lost. Never rejects.
 */
export async function ask(dns: DnsTransport, random: Random, servers: Servers, question: Question): Promise<Answer> {
  let failure: Answer = { kind: "failed", outcome: "unreachable", reason: "no DNS server is known" };
  const answered = new Set<DnsServer>();
  for (let round = 0; round < servers.attempts; round++) {
    for (const server of servers.list) {
      if (answered.has(server)) continue;
      const answer = await askServer(dns, random, servers, server, question);
      if (answer.kind === "answered") return answer;
      // What a server says explains more than another one's silence.
      const silent = answer.outcome === "timeout" || answer.outcome === "unreachable";
      if (!silent) answered.add(server);
      if (!silent || answered.size === 0) failure = answer;
    }
  }
  return failure;
}

async function askServer(
  dns: DnsTransport,
  random: Random,
  servers: Servers,
  server: DnsServer,
  question: Question,
): Promise<Answer> {
  let edns = true;
  let over: "udp" | "tcp" = servers.tcpOnly ? "tcp" : "udp";
  for (;;) {
    const answer = await exchange(dns, random, servers.timeout, server, question, edns, over);
    if (answer.kind === "failed") return answer;
    const { message } = answer;
    if (message.truncated) {
      if (over === "tcp") return failed(dns, server, "garbage", "a truncated answer over TCP");
      over = "tcp";
      continue;
    }
    // RFC 6891 7: who does not know EDNS answers FORMERR (older ones NOTIMP); RFC 6891 6.1.3: BADVERS.
    const { rcode } = message;
    if (edns && (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === RCODE.BADVERS)) {
      edns = false;
      continue;
    }
    if (rcode === RCODE.REFUSED) return failed(dns, server, "refused", "REFUSED");
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return failed(dns, server, "servfail", rcodeText(rcode));
    if (isReferral(message)) return failed(dns, server, "servfail", "a referral: it does not resolve for others");
    return answer;
  }
}

/**
 * An empty answer of a server that neither owns the name nor resolves for others says only "ask elsewhere". It must not pass
 * for "no addresses" (invariant 6). With a SOA record it is a negative answer all the same (RFC 2308 2.2).
 */
function isReferral(message: Message): boolean {
  return (
    message.rcode === RCODE.NOERROR &&
    message.answers.length === 0 &&
    !message.authoritative &&
    !message.recursionAvailable &&
    !message.authorities.some((record) => record.kind === "other" && record.type === TYPE.SOA)
  );
}

async function exchange(
  dns: DnsTransport,
  random: Random,
  timeoutMs: number,
  server: DnsServer,
  question: Question,
  edns: boolean,
  over: "udp" | "tcp",
): Promise<Answer> {
  // A new one each time: an answer to an earlier, timed-out query does not fit. RFC 5452 4.3 on why it is random.
  const id = Math.floor(random() * 0x10000);
  let bytes: Uint8Array;
  try {
    bytes = await dns.exchange(server, encodeMessage(query(id, question, edns)), { over, timeoutMs });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const timeout = error instanceof Error && error.name === "TimeoutError";
    return { kind: "failed", outcome: timeout ? "timeout" : "unreachable", reason };
  }
  const decoded = decodeMessage(bytes);
  if ("error" in decoded) return failed(dns, server, "garbage", `garbage (${decoded.error})`);
  const wrong = mismatch(decoded.value, id, question);
  if (wrong !== null) return failed(dns, server, "garbage", `garbage (${wrong})`);
  return { kind: "answered", message: decoded.value, server };
}

/** RFC 5452 9.1: "A resolver implementation MUST match responses to ... the question name, class and type", and the ID. */
function mismatch(message: Message, id: number, question: Question): string | null {
  if (!message.response || message.opcode !== 0) return "not an answer to a query";
  if (message.id !== id) return "another ID";
  // Servers that could not read the question send it back empty, with an error code.
  const mayOmit = message.rcode !== RCODE.NOERROR && message.rcode !== RCODE.NXDOMAIN;
  if (message.questions.length === 0 && mayOmit) return null;
  const [asked] = message.questions;
  if (message.questions.length !== 1 || asked.type !== question.type || !sameName(asked.name, question.name))
    return "the answer to another question";
  return null;
}

function failed(dns: DnsTransport, server: DnsServer, outcome: FailureOutcome, what: string): Answer {
  const name =
    dns.nameOf?.(server) ?? `dns server ${addressText({ kind: "tcp", host: server.host, port: server.port })}`;
  return { kind: "failed", outcome, reason: `${name} answered ${what}` };
}
