import type { Head } from "../receiver.ts";
import { DEFAULT_TABLE_SIZE, DynamicTable, ENTRY_OVERHEAD } from "./dynamic-table.ts";
import { EncoderNames, findPlace, type NameRecord } from "./encoder-names.ts";
import { copyBlock, HeadMemo } from "./head-memo.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";
import { writeInteger } from "./integer.ts";
import { Sightings } from "./sightings.ts";

/** First octet patterns (RFC 7541 6) and the largest value of the prefix that follows. */
const INDEXED = 0x80;
const INDEXED_PREFIX = 0x7f;
const INCREMENTAL = 0x40;
const INCREMENTAL_PREFIX = 0x3f;
const SIZE_UPDATE = 0x20;
const SIZE_UPDATE_PREFIX = 0x1f;
const NEVER_INDEXED = 0x10;
const NOT_INDEXED = 0x00;
const LITERAL_PREFIX = 0x0f;

/** The most octets that an integer below 2^28 takes. */
const LONGEST_INTEGER = 5;

/** A field's parts besides its strings: the name's index or length, and the value's length, with the first octet. */
const FIELD_BOUND = 1 + 2 * LONGEST_INTEGER;

/** Two size updates may precede a block. */
const BLOCK_BOUND = 2 * LONGEST_INTEGER;

/** An entry may take this part of the table at most: a larger one would evict nearly everything else. As nghttp2 does. */
const LARGEST_SHARE = 0.75;

/** A field whose values vary is indexed for the sake of its name only up to this size; the value then occupies the table for nothing. */
const LARGEST_FOR_NAME = 128;

/** Encodes the header blocks of one direction of a connection (RFC 7541). They must be sent in the order in which they were encoded, all of them. */
export class Encoder {
  private readonly ours: number;
  private readonly table: DynamicTable;
  private readonly names: EncoderNames;
  private readonly sightings = new Sightings();
  private readonly memo = new HeadMemo();
  /** The table's generation for which the memo holds. */
  private memoGeneration = 0;
  /** Size updates that the next block must begin with: the smallest size since the last block, and the final one. */
  private updateDue = false;
  private smallestSize: number;
  private finalSize: number;
  /** False once a field of the current head may be encoded otherwise next time although the table is the same. */
  private settled = true;

  /** @param maxTableSize what we want to spend, in octets; the peer's setting may hold it lower */
  constructor(maxTableSize: number = DEFAULT_TABLE_SIZE) {
    this.ours = maxTableSize;
    this.table = new DynamicTable(DEFAULT_TABLE_SIZE);
    this.names = new EncoderNames(this.table);
    this.smallestSize = DEFAULT_TABLE_SIZE;
    this.finalSize = DEFAULT_TABLE_SIZE;
    // Until its SETTINGS arrive the peer's table has 4096 octets (RFC 9113 6.5.2); to use fewer is ours to announce.
    this.setPeerMaxTableSize(DEFAULT_TABLE_SIZE);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. The next block begins with the size updates that it makes necessary (RFC 7541 4.2). */
  setPeerMaxTableSize(bytes: number): void {
    const size = Math.min(bytes, this.ours);
    this.finalSize = size;
    if (size < this.smallestSize) this.smallestSize = size;
    this.updateDue = size !== this.table.maxSize || this.smallestSize < this.table.maxSize;
  }

  /** An upper bound of the bytes that {@link encode} may write for this head. */
  bound(head: Head): number {
    if (this.memoGeneration === this.table.generation) {
      const block = this.memo.find(head);
      if (block !== null && !this.updateDue) return block.length;
    }
    const fields = head.fields;
    let bound = BLOCK_BOUND + (fields.length >> 1) * FIELD_BOUND;
    for (let at = 0; at < fields.length; at++) bound += fields[at].length;
    return bound;
  }

  /** Writes the block at out[offset..] (room was ensured by {@link bound}) and returns the new offset. */
  encode(head: Head, out: Uint8Array, offset: number): number {
    if (this.updateDue) offset = this.writeSizeUpdates(out, offset);
    const table = this.table;
    if (this.memoGeneration === table.generation) {
      const block = this.memo.find(head);
      if (block !== null) return copyBlock(block, out, offset);
    } else {
      this.memo.clear();
      this.memoGeneration = table.generation;
    }
    const fields = head.fields;
    const neverIndexed = head.neverIndexed;
    this.settled = true;
    let at = offset;
    for (let field = 0; field + 1 < fields.length; field += 2) {
      const never = neverIndexed?.includes(field) === true;
      at = this.writeField(fields[field], fields[field + 1], never, out, at);
    }
    if (this.settled && this.memoGeneration === table.generation) this.memo.remember(head, out, offset, at);
    return at;
  }

  /** "the smallest maximum table size that occurs in that interval MUST be signaled [...]. The final maximum size is always signaled" (RFC 7541 4.2). */
  private writeSizeUpdates(out: Uint8Array, at: number): number {
    if (this.smallestSize < this.finalSize && this.smallestSize < this.table.maxSize) {
      at = this.writeSizeUpdate(this.smallestSize, out, at);
    }
    at = this.writeSizeUpdate(this.finalSize, out, at);
    this.smallestSize = this.finalSize;
    this.updateDue = false;
    return at;
  }

  private writeSizeUpdate(size: number, out: Uint8Array, at: number): number {
    this.names.evictDownTo(size);
    this.table.resize(size);
    return writeInteger(out, at, SIZE_UPDATE, SIZE_UPDATE_PREFIX, size);
  }

  private writeField(name: string, value: string, never: boolean, out: Uint8Array, at: number): number {
    const record = this.names.record(name);
    if (record === undefined) return this.writeUnknown(name, value, never, out, at);
    if (never || record.habit === "secret") {
      return this.writeLiteral(NEVER_INDEXED, LITERAL_PREFIX, this.names.nameIndex(record), name, value, out, at);
    }
    const place = findPlace(record, value);
    if (place !== 0) {
      const index = this.names.index(place);
      if (index < INDEXED_PREFIX) {
        out[at] = INDEXED | index;
        return at + 1;
      }
      return writeInteger(out, at, INDEXED, INDEXED_PREFIX, index);
    }
    const nameIndex = this.names.nameIndex(record);
    if (this.isWorthIndexing(record, nameIndex, name, value))
      return this.writeAndInsert(nameIndex, name, value, out, at);
    return this.writeLiteral(NOT_INDEXED, LITERAL_PREFIX, nameIndex, name, value, out, at);
  }

  /** A name that is in no table. The second time it comes it is indexed, even when its value is another one: then the name costs a byte from there on. */
  private writeUnknown(name: string, value: string, never: boolean, out: Uint8Array, at: number): number {
    if (never) return this.writeLiteral(NEVER_INDEXED, LITERAL_PREFIX, 0, name, value, out, at);
    if (this.fits(name, value)) {
      const seen = this.sightings.seen(name, value);
      const seenName = this.sightings.seenName(name);
      if (seen || (seenName && isCheap(name, value))) return this.writeAndInsert(0, name, value, out, at);
      this.settled = false;
    }
    return this.writeLiteral(NOT_INDEXED, LITERAL_PREFIX, 0, name, value, out, at);
  }

  private isWorthIndexing(record: NameRecord, nameIndex: number, name: string, value: string): boolean {
    if (!this.fits(name, value)) return false;
    if (record.habit === "varies") return nameIndex === 0 && isCheap(name, value);
    if (this.sightings.seen(name, value)) return true;
    this.settled = false;
    return false;
  }

  private fits(name: string, value: string): boolean {
    return name.length + value.length + ENTRY_OVERHEAD <= this.table.maxSize * LARGEST_SHARE;
  }

  private writeAndInsert(nameIndex: number, name: string, value: string, out: Uint8Array, at: number): number {
    at = this.writeLiteral(INCREMENTAL, INCREMENTAL_PREFIX, nameIndex, name, value, out, at);
    this.names.insert(name, value);
    return at;
  }

  private writeLiteral(
    pattern: number,
    prefix: number,
    nameIndex: number,
    name: string,
    value: string,
    out: Uint8Array,
    at: number,
  ): number {
    at = writeInteger(out, at, pattern, prefix, nameIndex);
    if (nameIndex === 0) at = writeString(name, out, at);
    return writeString(value, out, at);
  }
}

function isCheap(name: string, value: string): boolean {
  return name.length + value.length <= LARGEST_FOR_NAME;
}

/** A string literal (RFC 7541 5.2), Huffman-coded when that is shorter. Characters above 255 are cut to their low octet: the engine refuses them before. */
function writeString(text: string, out: Uint8Array, at: number): number {
  const length = text.length;
  const coded = huffmanLength(text);
  if (coded < length) return huffmanEncode(text, out, writeInteger(out, at, 0x80, 0x7f, coded));
  at = writeInteger(out, at, 0x00, 0x7f, length);
  for (let position = 0; position < length; position++) out[at + position] = text.charCodeAt(position);
  return at + length;
}
