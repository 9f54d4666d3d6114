import { parseIpv4, parseIpv6 } from "./ip.ts";
import { CLASS_IN, type DnsRecord, type Message, TYPE } from "./message.ts";
import { labelsOf } from "./name.ts";

/** RFC 1035 4.2.2: the length in front of a message over TCP has two octets. */
export const MAX_MESSAGE_BYTES = 65_535;

/** RFC 1035 4.1.4: a pointer has 14 bits of offset. */
const MAX_POINTER = 0x3fff;

/** @throws RangeError when a name or an address is malformed, or the whole is longer than 65,535 bytes */
export function encodeMessage(message: Message): Uint8Array {
  const out = new Writer();
  out.u16(message.id);
  out.u16(
    (message.response ? 0x8000 : 0) |
      (message.opcode << 11) |
      (message.authoritative ? 0x0400 : 0) |
      (message.truncated ? 0x0200 : 0) |
      (message.recursionDesired ? 0x0100 : 0) |
      (message.recursionAvailable ? 0x0080 : 0) |
      (message.rcode & 0xf),
  );
  out.u16(message.questions.length);
  out.u16(message.answers.length);
  out.u16(message.authorities.length);
  out.u16(message.additionals.length + (message.edns === null ? 0 : 1));
  for (const question of message.questions) {
    out.name(question.name, true);
    out.u16(question.type);
    out.u16(CLASS_IN);
  }
  for (const record of message.answers) writeRecord(out, record);
  for (const record of message.authorities) writeRecord(out, record);
  for (const record of message.additionals) writeRecord(out, record);
  if (message.edns !== null) {
    // RFC 6891 6.1.2: root, OPT, UDP size as the class, upper rcode + version 0 + flags as the TTL, no options.
    out.u8(0);
    out.u16(TYPE.OPT);
    out.u16(message.edns.udpSize);
    out.u32((message.rcode >> 4) << 24);
    out.u16(0);
  }
  return out.bytes();
}

function writeRecord(out: Writer, record: DnsRecord): void {
  out.name(record.name, true);
  out.u16(record.kind === "other" ? record.type : TYPE[record.kind]);
  out.u16(record.kind === "other" ? record.class : CLASS_IN);
  out.u32(record.ttl);
  const length = out.reserve16();
  switch (record.kind) {
    case "A":
    case "AAAA":
      out.raw(addressBytes(record.kind, record.address));
      break;
    case "CNAME":
      out.name(record.target, true);
      break;
    case "SRV":
      out.u16(record.priority);
      out.u16(record.weight);
      out.u16(record.port);
      // RFC 2782: "name compression is not to be used for this field."
      out.name(record.target, false);
      break;
    case "other":
      out.raw(record.data);
  }
  out.fill16(length);
}

function addressBytes(kind: "A" | "AAAA", text: string): Uint8Array {
  const bytes = kind === "A" ? parseIpv4(text) : parseIpv6(text);
  if (bytes === null) throw new RangeError(`not an address for an ${kind} record: ${text}`);
  return bytes;
}

/** A name's wire form without compression, for the data of records that this codec does not know. */
export function encodeName(name: string): Uint8Array {
  const out = new Writer();
  out.name(name, false);
  return out.bytes();
}

/** Appends to a buffer that grows, and remembers where each name stands so that it can be pointed to. */
class Writer {
  private buffer = new Uint8Array(512);
  private length = 0;
  private readonly names = new Map<string, number>();

  bytes(): Uint8Array {
    if (this.length > MAX_MESSAGE_BYTES) throw new RangeError(`message of ${this.length} bytes is too long`);
    return this.buffer.slice(0, this.length);
  }

  u8(value: number): void {
    this.room(1);
    this.buffer[this.length++] = value;
  }

  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value & 0xff);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Leaves two bytes for the length of what follows; `fill16` writes it. */
  reserve16(): number {
    this.u16(0);
    return this.length;
  }

  fill16(start: number): void {
    const size = this.length - start;
    this.buffer[start - 2] = size >>> 8;
    this.buffer[start - 1] = size & 0xff;
  }

  name(name: string, compress: boolean): void {
    const labels = labelsOf(name);
    for (let i = 0; i < labels.length; i++) {
      // With its case: whoever asks compares names without it, but a name keeps the one that it was given (RFC 4343 4.1).
      const suffix = labels
        .slice(i)
        .map((label) => String.fromCharCode(label.length, ...label))
        .join("");
      const known = this.names.get(suffix);
      if (compress && known !== undefined) {
        this.u16(0xc000 | known);
        return;
      }
      if (this.length <= MAX_POINTER && known === undefined) this.names.set(suffix, this.length);
      this.u8(labels[i].length);
      this.raw(labels[i]);
    }
    this.u8(0);
  }

  private room(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.length + more, this.buffer.length * 2));
    larger.set(this.buffer);
    this.buffer = larger;
  }
}
