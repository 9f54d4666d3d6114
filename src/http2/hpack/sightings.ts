/** Sightings kept, as sets of {@link WAYS}; powers of two. */
const SETS = 64;
const WAYS = 4;

/** Of longer values only this many characters at each end are looked at. */
const EDGE = 16;

/**
 * Remembers which fields came lately, by fingerprint only: fixed size, and no string is kept alive. A rare false "seen" means that
 * a field is indexed too early, which costs a little space in the table and is never wrong.
 */
export class Sightings {
  private readonly prints = new Int32Array(SETS * WAYS);
  /** Counts the questions: chooses the way to write over, differently each time, so that fields of one head which share a set do not displace each other for ever. */
  private asked = 0;

  /** Whether this name and value came lately. They have now. */
  seen(name: string, value: string): boolean {
    return this.check(mix(mix(name.length, name), value));
  }

  /** The same for the name alone, whatever its value. */
  seenName(name: string): boolean {
    return this.check(mix(~name.length, name));
  }

  private check(print: number): boolean {
    const first = ((print >>> 16) & (SETS - 1)) * WAYS;
    let free = first + (this.asked++ & (WAYS - 1));
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.prints[slot] === print) return true;
      if (this.prints[slot] === 0) free = slot;
    }
    this.prints[free] = print;
    return false;
  }
}

function mix(print: number, text: string): number {
  const length = text.length;
  const edge = length <= 2 * EDGE ? length : EDGE;
  for (let at = 0; at < edge; at++) print = Math.imul(print, 31) + text.charCodeAt(at);
  if (edge < length) {
    for (let at = length - EDGE; at < length; at++) print = Math.imul(print, 31) + text.charCodeAt(at);
  }
  return Math.imul(print ^ length, 0x9e3779b1);
}
