import { decodeMessage } from "../discovery/dns/decode.ts";
import { encodeMessage, encodeName, MAX_MESSAGE_BYTES } from "../discovery/dns/encode.ts";
import { parseIp } from "../discovery/dns/ip.ts";
import {
  CLASS_IN,
  type DnsRecord,
  type Message,
  PLAIN_UDP_SIZE,
  type Question,
  RCODE,
  TYPE,
  UDP_SIZE,
} from "../discovery/dns/message.ts";
import { lowerName } from "../discovery/dns/name.ts";

/**
 * What the server does with questions: `normal` answers from the zone, `nxdomain` and `empty` deny whatever is there,
 * `silent` answers nothing, `garbage` sends bytes that are no DNS message.
 */
export type DnsBehaviour = "normal" | "nxdomain" | "empty" | "servfail" | "refused" | "silent" | "garbage";

/**
 * An authoritative DNS server without its sockets, for the demo and for tests: bytes in, bytes out. It owns every name there
 * is: what was not set does not exist. The zone may be changed at any time, and each question is answered from what it is then.
 */
export interface DnsZone {
  /**
   * Replaces all records of a name by A and AAAA records; none: the name exists without addresses. TTL in seconds, default 5.
   * @throws RangeError when a text is not an IP address
   */
  setAddresses(name: string, ips: readonly string[], ttl?: number): void;
  /** Replaces all records of the name that `records` belong to. For SRV and CNAME; the owners may be given in any case. */
  setRecords(name: string, records: readonly DnsRecord[]): void;
  /** The name does not exist any more. */
  remove(name: string): void;
  /** From now on, for all names or for one; a name's own goes first, and null takes it back. */
  behave(behaviour: DnsBehaviour): void;
  behave(behaviour: DnsBehaviour | null, name: string): void;
  /** Questions received so far, the silent ones too; over both transports. */
  readonly queries: number;
  /** For `listenDns`. @returns null to stay silent */
  readonly handle: (message: Uint8Array, over: "udp" | "tcp") => Uint8Array | null;
}

/** Seconds. As CoreDNS's own default. */
const DEFAULT_TTL = 5;

/** Longest chain of aliases that is followed in one answer. */
const MAX_ALIASES = 8;

/** @param udpLimit the longest answer over UDP, bytes; the client's own limit counts when it is lower */
export function createDnsZone(udpLimit: number = UDP_SIZE): DnsZone {
  const zone = new Map<string, readonly DnsRecord[]>();
  const behaviours = new Map<string, DnsBehaviour>();
  let behaviourOfAll: DnsBehaviour = "normal";
  let queries = 0;
  return {
    setAddresses: (name, ips, ttl = DEFAULT_TTL) => {
      zone.set(
        keyOf(name),
        ips.map((address) => addressRecord(plain(name), ttl, address)),
      );
    },
    setRecords: (name, records) => void zone.set(keyOf(name), records),
    remove: (name) => void zone.delete(keyOf(name)),
    behave: (behaviour: DnsBehaviour | null, name?: string) => {
      if (name === undefined) behaviourOfAll = behaviour ?? "normal";
      else if (behaviour === null) behaviours.delete(keyOf(name));
      else behaviours.set(keyOf(name), behaviour);
    },
    get queries() {
      return queries;
    },
    handle: (bytes, over) => {
      const decoded = decodeMessage(bytes);
      // Not answered at all: whoever sends garbage may have forged the sender.
      if ("error" in decoded || decoded.value.response) return null;
      const query = decoded.value;
      if (query.opcode !== 0) return encodeMessage(reply(query, { rcode: RCODE.NOTIMP }));
      if (query.questions.length !== 1) return encodeMessage(reply(query, { rcode: RCODE.FORMERR }));
      queries++;
      const [question] = query.questions;
      const answer = behaved(behaviours.get(keyOf(question.name)) ?? behaviourOfAll, zone, query, question);
      if (answer === null) return null;
      if (answer === "garbage") return garbage(query);
      const limit = over === "tcp" ? MAX_MESSAGE_BYTES : Math.min(query.edns?.udpSize ?? PLAIN_UDP_SIZE, udpLimit);
      return withinLimit(answer, limit);
    },
  };
}

function addressRecord(name: string, ttl: number, address: string): DnsRecord {
  const ip = parseIp(address);
  if (ip === null) throw new RangeError(`not an IP address: ${address}`);
  return { kind: ip.family === 4 ? "A" : "AAAA", name, ttl, address: ip.text };
}

function plain(name: string): string {
  return name.replace(/\.$/, "");
}

function keyOf(name: string): string {
  return lowerName(plain(name));
}

function behaved(
  behaviour: DnsBehaviour,
  zone: ReadonlyMap<string, readonly DnsRecord[]>,
  query: Message,
  question: Question,
): Message | "garbage" | null {
  switch (behaviour) {
    case "silent":
      return null;
    case "garbage":
      return "garbage";
    case "servfail":
      return reply(query, { rcode: RCODE.SERVFAIL });
    case "refused":
      return reply(query, { rcode: RCODE.REFUSED });
    case "nxdomain":
      return reply(query, { rcode: RCODE.NXDOMAIN, authorities: [startOfAuthority()] });
    case "empty":
      return reply(query, { authorities: [startOfAuthority()] });
    case "normal":
      return fromZone(zone, query, question);
  }
}

function fromZone(zone: ReadonlyMap<string, readonly DnsRecord[]>, query: Message, question: Question): Message {
  const answers: DnsRecord[] = [];
  let name = question.name;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const records = zone.get(keyOf(name));
    if (records === undefined) {
      // RFC 8020: a name that others are under exists, even without records of its own.
      const above = [...zone.keys()].some((key) => key.endsWith(`.${keyOf(name)}`));
      const rcode = above ? RCODE.NOERROR : RCODE.NXDOMAIN;
      return reply(query, { rcode, answers, authorities: [startOfAuthority()] });
    }
    // The owner is spelt as in the question: some clients vary its case and check it.
    const spelt = records.map((record) => ({ ...record, name }));
    const matching = spelt.filter((record) => typeOf(record) === question.type);
    const alias = spelt.find((record) => record.kind === "CNAME");
    if (matching.length > 0) {
      answers.push(...matching);
      return reply(query, { answers, additionals: addressesOfTargets(zone, matching) });
    }
    if (alias?.kind !== "CNAME") break;
    answers.push(alias);
    name = alias.target;
  }
  return reply(query, { answers, authorities: [startOfAuthority()] });
}

/** RFC 2782: the server may send the targets' addresses along; Kubernetes' does. */
function addressesOfTargets(
  zone: ReadonlyMap<string, readonly DnsRecord[]>,
  records: readonly DnsRecord[],
): readonly DnsRecord[] {
  const targets = new Set(records.flatMap((record) => (record.kind === "SRV" ? [keyOf(record.target)] : [])));
  return [...targets].flatMap((target) =>
    (zone.get(target) ?? []).filter((record) => record.kind === "A" || record.kind === "AAAA"),
  );
}

function typeOf(record: DnsRecord): number {
  return record.kind === "other" ? record.type : TYPE[record.kind];
}

/** RFC 2308 3: a negative answer carries the zone's SOA record; its last field is how long the "no" may be remembered. */
function startOfAuthority(): DnsRecord {
  const numbers = new DataView(new ArrayBuffer(20));
  // Serial, refresh, retry, expire: nobody transfers this zone.
  [1, 3_600, 600, 86_400, DEFAULT_TTL].forEach((value, i) => {
    numbers.setUint32(i * 4, value);
  });
  const names = [encodeName("ns.fairlead.invalid"), encodeName("nobody.fairlead.invalid")];
  const data = Uint8Array.from([...names[0], ...names[1], ...new Uint8Array(numbers.buffer)]);
  return { kind: "other", name: "", ttl: DEFAULT_TTL, type: TYPE.SOA, class: CLASS_IN, data };
}

function reply(query: Message, parts: Partial<Message>): Message {
  return {
    ...query,
    response: true,
    authoritative: true,
    truncated: false,
    recursionAvailable: false,
    rcode: RCODE.NOERROR,
    answers: [],
    authorities: [],
    additionals: [],
    // RFC 6891 6.1.1: an OPT record in the answer if, and only if, there was one in the query.
    edns: query.edns === null ? null : { udpSize: UDP_SIZE },
    ...parts,
  };
}

/** RFC 2181 9: additional records may be left out silently; when the answer itself does not fit, TC says so. */
function withinLimit(message: Message, limit: number): Uint8Array {
  for (const attempt of [message, { ...message, additionals: [] }]) {
    const bytes = encoded(attempt);
    if (bytes !== null && bytes.length <= limit) return bytes;
  }
  return encodeMessage({ ...message, truncated: true, answers: [], authorities: [], additionals: [] });
}

/** Null when it is longer than any DNS message may be. */
function encoded(message: Message): Uint8Array | null {
  try {
    return encodeMessage(message);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The right ID, so that it gets past the first check, then bytes that make no message. */
function garbage(query: Message): Uint8Array {
  return Uint8Array.from([query.id >> 8, query.id & 0xff, 0x84, 0, 0, 1, 0, 9, 0xff, 0xff, 0xc0, 0x0c, 0xc0, 0x0c]);
}
