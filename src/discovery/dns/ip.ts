/** IP literals: reading them strictly, and one way of writing each (RFC 5952), so that equal addresses are equal strings. */

export interface IpLiteral {
  readonly family: 4 | 6;
  /** Canonical, without brackets; a zone (`%eth0`) stays at the end. */
  readonly text: string;
}

/** @returns null when the text is not an IP literal; brackets are not part of one */
export function parseIp(text: string): IpLiteral | null {
  const four = parseIpv4(text);
  if (four !== null) return { family: 4, text: formatIpv4(four) };
  // RFC 4007 11: a zone follows the address after `%`; RFC 6874 writes that sign as `%25` inside a URI.
  const percent = text.indexOf("%");
  const zone = percent < 0 ? "" : text.slice(percent + 1).replace(/^25/, "");
  if (percent >= 0 && !/^[A-Za-z0-9._~-]+$/.test(zone)) return null;
  const six = parseIpv6(percent < 0 ? text : text.slice(0, percent));
  if (six === null) return null;
  return { family: 6, text: formatIpv6(six) + (zone === "" ? "" : `%${zone}`) };
}

/** Four decimal numbers, as inet_pton takes them: no leading zeros, which some read as octal. */
export function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(parts[i])) return null;
    const value = Number(parts[i]);
    if (value > 255) return null;
    bytes[i] = value;
  }
  return bytes;
}

/** The text forms of RFC 4291 2.2, without a zone. */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1], true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  // `::` stands for one or more groups of zeros.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const bytes = new Uint8Array(16);
  [...head, ...new Array<number>(missing).fill(0), ...tail].forEach((group, i) => {
    bytes[i * 2] = group >> 8;
    bytes[i * 2 + 1] = group & 0xff;
  });
  return bytes;
}

/** @param last whether an IPv4 address may stand at the end (RFC 4291 2.2, form 3) */
function groups(text: string, last: boolean): number[] | null {
  if (text === "") return [];
  const found: number[] = [];
  const parts = text.split(":");
  for (let i = 0; i < parts.length; i++) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(parts[i])) {
      found.push(Number.parseInt(parts[i], 16));
      continue;
    }
    const four = last && i === parts.length - 1 ? parseIpv4(parts[i]) : null;
    if (four === null) return null;
    found.push((four[0] << 8) | four[1], (four[2] << 8) | four[3]);
  }
  return found.length > 8 ? null : found;
}

export function formatIpv4(bytes: Uint8Array): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

/** RFC 5952 4: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
export function formatIpv6(bytes: Uint8Array): string {
  const all: number[] = [];
  for (let i = 0; i < 16; i += 2) all.push((bytes[i] << 8) | bytes[i + 1]);
  let start = 0;
  let length = 0;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && all[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    if (end > i) i = end;
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return hex(all);
  return `${hex(all.slice(0, start))}::${hex(all.slice(start + length))}`;
}
