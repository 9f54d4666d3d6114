import type { HeadFacts } from "../head-check.ts";
import type { Head } from "../receiver.ts";
import { BlockMemo } from "./block-memo.ts";
import { DynamicTable, ENTRY_OVERHEAD } from "./dynamic-table.ts";
import { HpackError } from "./error.ts";
import { FIRST_DYNAMIC_INDEX, STATIC_NAMES, STATIC_VALUES } from "./static-table.ts";
import { decodeString, StringCache } from "./string-cache.ts";

export { HpackError } from "./error.ts";

/** What one header list may hold. Fields that come by index, and cookie crumbs, count like all others. */
export interface HeaderLimits {
  /** Octets of names and values, plus 32 per field (RFC 9113 6.5.2). */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

export interface DecodedHead extends Head {
  /**
   * The limit that was exceeded; `fields` then ends before the field that exceeded it. Pseudo-fields are there all the same, cut: who
   * called what is needed to say no in the client's own protocol.
   */
  readonly overflow: "" | "bytes" | "fields";
  /** For the engine: what it has worked out about the head (see head-check.ts). Null until set. */
  facts: HeadFacts | null;
}

/**
 * A list over its limits is still decoded, to keep the dynamic table in step, but this many times the limit may be thrown
 * away at most: a block of one-byte indices that each stand for 4 KiB must not buy unlimited work.
 */
const DISCARD_FACTOR = 4;
/** Fields bring their own bytes, which are charged as well: a client that sends a thousand is told so and keeps its connection. */
const DISCARD_FIELDS_FACTOR = 8;

const COLON = 0x3a;
/** Names and values in `fields` up to which pseudo-fields are kept when the list is over a limit: a request has four, and they come first. */
const MAX_PSEUDO = 16;
/** A path that is over the limit itself is long enough by then to tell the method and the protocol. */
const CUT_BYTES = 1_024;

/** No size update is due. */
const NONE_DUE = -1;

/** Decodes the header blocks of one direction of a connection (RFC 7541). They must be given in the order in which they arrive, all of them. */
export class Decoder {
  private readonly table: DynamicTable;
  private readonly maxListBytes: number;
  private readonly maxFields: number;
  private readonly strings = new StringCache();
  private readonly memo = new BlockMemo();
  /** The table's generation for which the memo holds. */
  private memoGeneration = 0;
  /** What a size update may ask for at most: our acknowledged SETTINGS_HEADER_TABLE_SIZE. */
  private sizeLimit: number;
  /** The size that the peer's next block must first announce, or a lower one; see {@link setMaxTableSize}. */
  private updateDue = NONE_DUE;
  /** Where reading of the current block goes on: the second result of the methods that read a part. */
  private at = 0;

  /** @param maxTableSize the SETTINGS_HEADER_TABLE_SIZE that holds from the first block on: 4096 until the peer has acknowledged another */
  constructor(maxTableSize: number, limits: HeaderLimits) {
    this.table = new DynamicTable(maxTableSize);
    this.sizeLimit = maxTableSize;
    this.maxListBytes = limits.maxListBytes;
    this.maxFields = limits.maxFields;
  }

  /**
   * Decodes one complete header block, bytes[start..end). Gives the same object again for a block that repeats while the dynamic table is unchanged.
   * @throws HpackError when the block is malformed; the decoder is of no use afterwards
   */
  decode(bytes: Uint8Array, start: number, end: number): DecodedHead {
    const table = this.table;
    if (this.memoGeneration !== table.generation) {
      this.memo.clear();
      this.memoGeneration = table.generation;
    }
    if (start < end && this.updateDue === NONE_DUE) {
      const known = this.memo.find(bytes, start, end);
      if (known !== null) return known;
    }
    const begin = this.sizeUpdates(bytes, start, end);
    const generation = table.generation;
    const head = this.fields(bytes, begin, end);
    // Only a block that leaves the table alone gives the same result the next time.
    if (begin === start && table.generation === generation) this.memo.remember(bytes, start, end, head);
    return head;
  }

  /**
   * We announced a new SETTINGS_HEADER_TABLE_SIZE and the peer has acknowledged it. When that is a reduction, the peer's next
   * block must begin with a size update (RFC 7541 4.2); entries stay until then, as they do at the peer.
   */
  setMaxTableSize(bytes: number): void {
    this.sizeLimit = bytes;
    // "the smallest maximum table size that occurs in that interval MUST be signaled" (RFC 7541 4.2)
    if (bytes < this.table.maxSize && (this.updateDue === NONE_DUE || bytes < this.updateDue)) this.updateDue = bytes;
  }

  /** Reads the size updates at the start of a block, and returns where the fields begin. "MUST occur at the beginning of the first header block" (RFC 7541 4.2). */
  private sizeUpdates(bytes: Uint8Array, at: number, end: number): number {
    while (at < end && (bytes[at] & 0xe0) === 0x20) {
      let size = bytes[at++] & 0x1f;
      if (size === 0x1f) {
        size = this.integer(bytes, at, end, size);
        at = this.at;
      }
      if (size > this.sizeLimit)
        throw new HpackError(`table size update to ${size} exceeds the limit ${this.sizeLimit}`);
      this.table.resize(size);
      if (size <= this.updateDue) this.updateDue = NONE_DUE;
    }
    if (this.updateDue !== NONE_DUE) throw new HpackError("table size update missing after the limit was reduced");
    return at;
  }

  private fields(bytes: Uint8Array, at: number, end: number): DecodedHead {
    const table = this.table;
    const fields: string[] = [];
    let neverIndexed: number[] | null = null;
    let overflow: DecodedHead["overflow"] = "";
    let bytesLeft = this.maxListBytes;
    let fieldsLeft = this.maxFields;
    while (at < end) {
      const first = bytes[at++];
      let name: string;
      let value: string;
      let never = false;
      if (first >= 0x80) {
        // Indexed field (RFC 7541 6.1)
        let index = first & 0x7f;
        if (index === 0x7f) {
          index = this.integer(bytes, at, end, index);
          at = this.at;
        }
        if (index >= FIRST_DYNAMIC_INDEX) {
          const slot = table.slot(index);
          name = table.name(slot);
          value = table.value(slot);
        } else {
          if (index === 0) throw new HpackError("index 0 is not used");
          name = STATIC_NAMES[index];
          value = STATIC_VALUES[index];
        }
      } else {
        if (first >= 0x40) {
          // Literal with incremental indexing (RFC 7541 6.2.1)
          name = this.literalName(bytes, at, end, first & 0x3f, 0x3f);
          value = this.string(bytes, this.at, end, false);
          table.insert(name, value);
        } else {
          if (first >= 0x20) throw new HpackError("table size update after the first field");
          // Literal without indexing, or never indexed (RFC 7541 6.2.2, 6.2.3)
          never = first >= 0x10;
          name = this.literalName(bytes, at, end, first & 0x0f, 0x0f);
          value = this.string(bytes, this.at, end, never);
        }
        at = this.at;
      }
      bytesLeft -= name.length + value.length + ENTRY_OVERHEAD;
      fieldsLeft--;
      if (bytesLeft < 0 || fieldsLeft < 0) {
        if (overflow === "") overflow = bytesLeft < 0 ? "bytes" : "fields";
        this.chargeDiscarded(bytesLeft, fieldsLeft);
        if (name.charCodeAt(0) === COLON && fields.length < MAX_PSEUDO) fields.push(name, value.slice(0, CUT_BYTES));
      } else {
        if (never) {
          if (neverIndexed === null) neverIndexed = [];
          neverIndexed.push(fields.length);
        }
        fields.push(name, value);
      }
    }
    return { fields, neverIndexed, memo: undefined, overflow, facts: null };
  }

  private chargeDiscarded(bytesLeft: number, fieldsLeft: number): void {
    if (-bytesLeft > this.maxListBytes * DISCARD_FACTOR)
      throw new HpackError("header list is far over the limit of bytes");
    if (-fieldsLeft > this.maxFields * DISCARD_FIELDS_FACTOR)
      throw new HpackError("header list is far over the limit of fields");
  }

  /** The name of a literal field: by index, or a string when the index is 0. Sets `at` to where the value begins. */
  private literalName(bytes: Uint8Array, at: number, end: number, index: number, prefix: number): string {
    if (index === 0) return this.string(bytes, at, end, false);
    if (index === prefix) index = this.integer(bytes, at, end, index);
    else this.at = at;
    if (index < FIRST_DYNAMIC_INDEX) return STATIC_NAMES[index];
    return this.table.name(this.table.slot(index));
  }

  /** A string literal (RFC 7541 5.2). @param secret true to keep it out of the cache: the value of a never-indexed field */
  private string(bytes: Uint8Array, at: number, end: number, secret: boolean): string {
    if (at >= end) throw new HpackError("block ends before a string");
    const first = bytes[at++];
    let length = first & 0x7f;
    if (length === 0x7f) {
      length = this.integer(bytes, at, end, length);
      at = this.at;
    }
    const stop = at + length;
    if (stop > end) throw new HpackError("block ends inside a string");
    this.at = stop;
    if (secret) return decodeString(bytes, at, stop, first >= 0x80);
    return this.strings.get(bytes, at, stop, first >= 0x80);
  }

  /**
   * The rest of an integer whose prefix was full (RFC 7541 5.1), at most four octets: below 2^28, far more than any length or
   * index that makes sense. "Excessively large integer encodings [...] MUST be treated as decoding errors".
   */
  private integer(bytes: Uint8Array, at: number, end: number, value: number): number {
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) throw new HpackError("block ends inside an integer");
      const byte = bytes[at++];
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        return value;
      }
    }
    throw new HpackError("integer too large");
  }
}
