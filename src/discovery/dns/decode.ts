import { formatIpv4, formatIpv6 } from "./ip.ts";
import { CLASS_IN, type DnsRecord, type Message, PLAIN_UDP_SIZE, type Question, TYPE } from "./message.ts";
import { readName } from "./name.ts";

export type Decoded = { readonly value: Message } | { readonly error: string };

const HEADER_BYTES = 12;

/**
 * Reads a message that may be hostile: every length is checked against what is there, and the work is bounded by the
 * number of bytes. Bytes after the last counted record are ignored. Never throws.
 */
export function decodeMessage(bytes: Uint8Array): Decoded {
  if (bytes.length < HEADER_BYTES) return { error: `${bytes.length} bytes are too few for a header` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  const truncated = (flags & 0x0200) !== 0;
  let at = HEADER_BYTES;

  const questions: Question[] = [];
  for (let left = view.getUint16(4); left > 0; left--) {
    const name = readName(bytes, at);
    if (name === null || name.next + 4 > bytes.length) return { error: `malformed question at byte ${at}` };
    // The class matters as much as the name: another one is another question.
    if (view.getUint16(name.next + 2) !== CLASS_IN) return { error: "question of another class than IN" };
    questions.push({ name: name.name, type: view.getUint16(name.next) });
    at = name.next + 4;
  }

  const sections: DnsRecord[][] = [[], [], []];
  let opt: { readonly udpSize: number; readonly upperRcode: number } | null = null;
  if (!truncated) {
    for (let section = 0; section < 3; section++) {
      for (let left = view.getUint16(6 + 2 * section); left > 0; left--) {
        const read = readRecord(bytes, view, at);
        if (read === null) return { error: `malformed record at byte ${at}` };
        at = read.next;
        if (read.record.kind !== "other" || read.record.type !== TYPE.OPT) {
          sections[section].push(read.record);
          continue;
        }
        // RFC 6891 6.1.1: one OPT at most, and in the additional section.
        if (opt !== null || section !== 2) return { error: "OPT record out of place" };
        // RFC 6891 6.2.3: "Values lower than 512 MUST be treated as equal to 512."
        opt = {
          udpSize: Math.max(PLAIN_UDP_SIZE, read.record.class),
          upperRcode: read.rawTtl >>> 24,
        };
      }
    }
  }
  return {
    value: {
      id: view.getUint16(0),
      response: (flags & 0x8000) !== 0,
      opcode: (flags >> 11) & 0xf,
      authoritative: (flags & 0x0400) !== 0,
      truncated,
      recursionDesired: (flags & 0x0100) !== 0,
      recursionAvailable: (flags & 0x0080) !== 0,
      rcode: (flags & 0xf) | ((opt?.upperRcode ?? 0) << 4),
      questions,
      answers: sections[0],
      authorities: sections[1],
      additionals: sections[2],
      edns: opt === null ? null : { udpSize: opt.udpSize },
    },
  };
}

interface ReadRecord {
  readonly record: DnsRecord;
  readonly next: number;
  /** Of an OPT record these 32 bits are flags. */
  readonly rawTtl: number;
}

/** RFC 1035 4.1.3: name, type, class, TTL, length of the data, data. */
function readRecord(bytes: Uint8Array, view: DataView, at: number): ReadRecord | null {
  const owner = readName(bytes, at);
  if (owner === null || owner.next + 10 > bytes.length) return null;
  const type = view.getUint16(owner.next);
  const recordClass = view.getUint16(owner.next + 2);
  const rawTtl = view.getUint32(owner.next + 4);
  const start = owner.next + 10;
  const next = start + view.getUint16(owner.next + 8);
  if (next > bytes.length) return null;
  // RFC 2181 8: a TTL with the most significant bit set is treated as zero.
  const ttl = rawTtl > 0x7fffffff ? 0 : rawTtl;
  const record = readData(bytes, view, { name: owner.name, ttl, type, class: recordClass, start, end: next });
  return record === null ? null : { record, next, rawTtl };
}

interface Raw {
  readonly name: string;
  readonly ttl: number;
  readonly type: number;
  readonly class: number;
  readonly start: number;
  readonly end: number;
}

function readData(bytes: Uint8Array, view: DataView, raw: Raw): DnsRecord | null {
  const { name, ttl, type, start, end } = raw;
  const nameAt = (from: number): string | null => {
    const read = from < end ? readName(bytes, from) : null;
    return read?.next === end ? read.name : null;
  };
  switch (raw.class === CLASS_IN ? type : -1) {
    case TYPE.A:
      return end - start === 4 ? { kind: "A", name, ttl, address: formatIpv4(bytes.subarray(start, end)) } : null;
    case TYPE.AAAA:
      return end - start === 16 ? { kind: "AAAA", name, ttl, address: formatIpv6(bytes.subarray(start, end)) } : null;
    case TYPE.CNAME: {
      const target = nameAt(start);
      return target === null ? null : { kind: "CNAME", name, ttl, target };
    }
    case TYPE.SRV: {
      // RFC 2782 forbids compressing the target; some servers do it all the same, and it does no harm.
      const target = nameAt(start + 6);
      if (target === null) return null;
      return {
        kind: "SRV",
        name,
        ttl,
        priority: view.getUint16(start),
        weight: view.getUint16(start + 2),
        port: view.getUint16(start + 4),
        target,
      };
    }
    default:
      return { kind: "other", name, ttl, type, class: raw.class, data: bytes.slice(start, end) };
  }
}
