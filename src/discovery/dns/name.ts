/**
 * Domain names: labels on the wire (RFC 1035 3.1, 4.1.4), and as text without the last dot; the root is the empty text.
 * A byte that would be ambiguous is escaped as in a zone file (RFC 1035 5.1): `\.`, `\\`, or `\` and three digits.
 */

/** RFC 1035 2.3.4: 255 octets or less, length octets and the root's included. */
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;

export interface ReadName {
  readonly name: string;
  /** Where reading goes on. */
  readonly next: number;
}

/** A name has at most 127 labels, and a pointer is only of use where one more follows. */
const MAX_POINTERS = 127;

/**
 * Reads a name, following compression pointers. Each pointer must lead to before the part that it stands in, so a loop
 * cannot be built. The limits on pointers and on the length bound the work: a message of 65,535 bytes made for nothing but
 * long names takes some tens of milliseconds.
 * @returns null when there is no well-formed name
 */
export function readName(bytes: Uint8Array, at: number): ReadName | null {
  const characters: number[] = [];
  let length = 1;
  let next = -1;
  let partStart = at;
  let pointers = 0;
  for (;;) {
    if (at >= bytes.length) return null;
    const size = bytes[at];
    if (size === 0) return { name: String.fromCharCode(...characters), next: next < 0 ? at + 1 : next };
    // RFC 1035 4.1.4: "The first two bits are ones ... The 10 and 01 combinations are reserved for future use."
    if (size >= 0xc0) {
      if (at + 1 >= bytes.length) return null;
      if (next < 0) next = at + 2;
      const target = ((size & 0x3f) << 8) | bytes[at + 1];
      if (target >= partStart || ++pointers > MAX_POINTERS) return null;
      partStart = target;
      at = target;
      continue;
    }
    if (size > MAX_LABEL_BYTES || at + 1 + size > bytes.length) return null;
    length += size + 1;
    if (length > MAX_NAME_BYTES) return null;
    if (characters.length > 0) characters.push(DOT);
    for (let i = at + 1; i <= at + size; i++) appendEscaped(characters, bytes[i]);
    at += size + 1;
  }
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;
const ZERO = 0x30;

function appendEscaped(characters: number[], byte: number): void {
  if (byte === DOT || byte === BACKSLASH) characters.push(BACKSLASH, byte);
  else if (byte > 0x20 && byte < 0x7f) characters.push(byte);
  else
    characters.push(BACKSLASH, ZERO + Math.floor(byte / 100), ZERO + (Math.floor(byte / 10) % 10), ZERO + (byte % 10));
}

/**
 * The labels of a name in its text form; a dot at the end changes nothing.
 * @throws RangeError when it cannot be put on the wire: callers check names that come from outside first
 */
export function labelsOf(name: string): readonly Uint8Array[] {
  const labels: Uint8Array[] = [];
  let label: number[] = [];
  let length = 1;
  const finish = () => {
    if (label.length === 0 || label.length > MAX_LABEL_BYTES) throw new RangeError(`not a domain name: ${name}`);
    length += label.length + 1;
    if (length > MAX_NAME_BYTES) throw new RangeError(`domain name too long: ${name}`);
    labels.push(Uint8Array.from(label));
    label = [];
  };
  for (let i = 0; i < name.length; i++) {
    if (name[i] === "." && (i < name.length - 1 || labels.length + label.length > 0)) {
      finish();
      continue;
    }
    if (name === ".") break;
    let byte = name.charCodeAt(i);
    if (name[i] === "\\") {
      const digits = /^[0-9]{3}/.exec(name.slice(i + 1, i + 4))?.[0];
      byte = digits === undefined ? name.charCodeAt(i + 1) : Number(digits);
      i += digits === undefined ? 1 : 3;
    }
    if (!(byte <= 255)) throw new RangeError(`not a domain name: ${name}`);
    label.push(byte);
  }
  if (label.length > 0) finish();
  return labels;
}

/** RFC 4343 3: names are compared without regard to the case of ASCII letters. */
export function sameName(a: string, b: string): boolean {
  return a.length === b.length && (a === b || lowerName(a) === lowerName(b));
}

export function lowerName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
