import { type DynamicTable, ENTRY_OVERHEAD } from "./dynamic-table.ts";
import { type Habit, KNOWN_NAMES, type KnownName } from "./known-names.ts";

/**
 * A place in one of the tables as one number: 0 for none, -index for a static entry, and the serial number of its insertion
 * (1, 2, ...) for a dynamic one. Serial numbers stay while indices shift.
 */
export type Place = number;

/** One field name that the encoder knows, and where its values lie. Mutable: it is looked at for every field of every head. */
export interface NameRecord {
  readonly habit: Habit;
  /** Index in the static table, or 0. */
  readonly staticIndex: number;
  readonly staticValues: ReadonlyMap<string, number> | null;
  /** The record stays when no dynamic entry has the name any more. */
  readonly kept: boolean;
  /** The value that was found last, and its place: most names have one value per connection, and then no map is needed. */
  lastValue: string;
  lastPlace: Place;
  /** Serial numbers by value of the dynamic entries of this name; null until there is one. */
  values: Map<string, number> | null;
  /** The newest dynamic entry's serial number, 0 when there is none: where the name can be referred to. */
  newest: number;
}

/** The encoder's search side of its dynamic table: from names and values to places. Grows with the table and the list of known names, not with what is sent. */
export class EncoderNames {
  private readonly records = new Map<string, NameRecord>();
  private readonly table: DynamicTable;
  /** Entries ever inserted: the serial number of the newest one. */
  private inserted = 0;

  constructor(table: DynamicTable) {
    this.table = table;
  }

  /** The record of a name; undefined for a name that is neither known beforehand nor in the table. */
  record(name: string): NameRecord | undefined {
    return this.records.get(name) ?? this.knownRecord(name);
  }

  /** The index for an entry's place, which must not be 0 (RFC 7541 2.3.3: the newest dynamic entry is 62). */
  index(place: Place): number {
    return place < 0 ? -place : 62 + this.inserted - place;
  }

  /** An index whose entry has this name, or 0. */
  nameIndex(record: NameRecord): number {
    if (record.staticIndex !== 0) return record.staticIndex;
    return record.newest === 0 ? 0 : this.index(record.newest);
  }

  /** Inserts into the table and makes the entry findable. The entry must fit into the table. */
  insert(name: string, value: string): void {
    this.evictDownTo(this.table.maxSize - (name.length + value.length + ENTRY_OVERHEAD));
    this.table.insert(name, value);
    const serial = ++this.inserted;
    let record = this.record(name);
    if (record === undefined) {
      record = newRecord(undefined);
      this.records.set(name, record);
    }
    if (record.values === null) record.values = new Map();
    record.values.set(value, serial);
    record.lastValue = value;
    record.lastPlace = serial;
    record.newest = serial;
  }

  /** Evicts the oldest entries until the table's size is at most `size`. */
  evictDownTo(size: number): void {
    const table = this.table;
    while (table.size > size && table.count > 0) {
      const slot = table.oldest();
      this.forget(table.name(slot), table.value(slot), this.inserted - table.count + 1);
      table.evict();
    }
  }

  private forget(name: string, value: string, serial: number): void {
    const record = this.records.get(name);
    if (record === undefined) return;
    if (record.values?.get(value) === serial) record.values.delete(value);
    if (record.lastPlace === serial) {
      record.lastPlace = 0;
      record.lastValue = "";
    }
    if (record.newest === serial) {
      record.newest = 0;
      if (!record.kept) this.records.delete(name);
    }
  }

  private knownRecord(name: string): NameRecord | undefined {
    const known = KNOWN_NAMES.get(name);
    if (known === undefined) return undefined;
    const record = newRecord(known);
    this.records.set(name, record);
    return record;
  }
}

/** Where this name and value lie; 0 when they are in neither table. */
export function findPlace(record: NameRecord, value: string): Place {
  if (record.lastPlace !== 0 && record.lastValue === value) return record.lastPlace;
  let place: Place = 0;
  if (record.staticValues !== null) place = -(record.staticValues.get(value) ?? 0);
  if (place === 0 && record.values !== null) place = record.values.get(value) ?? 0;
  if (place !== 0) {
    record.lastValue = value;
    record.lastPlace = place;
  }
  return place;
}

function newRecord(known: KnownName | undefined): NameRecord {
  return {
    habit: known === undefined ? "repeats" : known.habit,
    staticIndex: known === undefined ? 0 : known.staticIndex,
    staticValues: known === undefined ? null : known.staticValues,
    kept: known !== undefined,
    lastValue: "",
    lastPlace: 0,
    values: null,
    newest: 0,
  };
}
