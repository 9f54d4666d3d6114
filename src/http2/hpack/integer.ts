/** Writes an integer (RFC 7541 5.1) at out[at..] and returns the offset after it. `flags` are the bits above the prefix, `limit` is the prefix full of ones. */
export function writeInteger(out: Uint8Array, at: number, flags: number, limit: number, value: number): number {
  if (value < limit) {
    out[at] = flags | value;
    return at + 1;
  }
  out[at++] = flags | limit;
  value -= limit;
  while (value >= 0x80) {
    out[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  out[at] = value;
  return at + 1;
}
