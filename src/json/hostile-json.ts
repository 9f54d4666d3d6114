import { afterString } from "./large-integers.ts";

/** JSON that is read, but not for what it says, or at any cost. All of it is looked for only where the text hints at it. */

/**
 * A message becomes objects before it becomes bytes: some microseconds and hundreds of bytes for each, on the one thread that
 * serves all calls. 4 MiB of "{}," are 1.4 million of them, and come as 4 KiB of gzip: a minute, and gigabytes. So a message has
 * no more objects, and no more values, than one per so many bytes of the largest message: as many as dense data has.
 */
const BYTES_PER_OBJECT = 40;
const BYTES_PER_VALUE = 8;
/** What is smaller has as many as this: the time that they take is no reason to refuse them. It is the default of maxMessageBytes. */
const LEAST_BYTES = 4 * 1024 * 1024;

/** Objects that a message may have. @param maxBytes of a message */
export function mostObjects(maxBytes: number): number {
  return Math.floor(Math.max(maxBytes, LEAST_BYTES) / BYTES_PER_OBJECT);
}

/** Why a message is too costly; null when it is not. @param maxBytes of a message */
export function tooManyValues(text: string, maxBytes: number): string | null {
  const maxObjects = mostObjects(maxBytes);
  const maxValues = Math.floor(Math.max(maxBytes, LEAST_BYTES) / BYTES_PER_VALUE);
  // "{}" for each, at least.
  if (text.length < maxObjects * 2) return null;
  let objects = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22 /* " */) {
      const end = afterString(text, at);
      if (end - at > maxValues && hasMorePaths(text, at + 1, end - 1, maxValues)) {
        return `it has more than ${maxValues} paths in a field mask`;
      }
      at = end - 1;
    } else if (code === 0x7b /* { */) {
      values++;
      if (++objects > maxObjects) return `it has more than ${maxObjects} objects`;
    } else if (code === 0x5b /* [ */ || code === 0x2c /* , */) values++;
    if (values > maxValues) return `it has more than ${maxValues} values`;
  }
  return null;
}

/** Whether a string is a FieldMask, as far as its characters go, of more paths than allowed: each becomes a string. */
function hasMorePaths(text: string, start: number, end: number, max: number): boolean {
  let paths = 1;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2c /* , */) paths++;
    else if (!isOfPath(code)) return false;
  }
  return paths > max;
}

/** A letter, a digit, `_` or `.`. */
function isOfPath(code: number): boolean {
  const letter = code | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x2e;
}

/** Half of a surrogate pair, written as an escape, or an escape that may be a letter of the key. */
const escapes = /\\u(?:d[89a-f]|00[567])/i;

function isSuspicious(text: string): boolean {
  return text.includes("__proto__") || (text.includes("\\u") && escapes.test(text));
}

/**
 * What JSON.parse takes and would be lost, or changed, on the way into a message; null when there is nothing of the kind.
 * @param text that has been parsed before
 */
export function lossIn(text: string): string | null {
  if (!isSuspicious(text)) return null;
  const rest: unknown[] = [JSON.parse(text)];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value === "string" && isBroken(value)) return HALF;
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) {
      for (const item of value) rest.push(item);
      continue;
    }
    for (const [key, member] of Object.entries(value)) {
      // JavaScript's own objects, which maps are held in, have no such keys.
      if (key === "__proto__") return 'the key "__proto__" cannot be taken';
      if (isBroken(key)) return HALF;
      rest.push(member);
    }
  }
  return null;
}

const HALF = "a string has half of a surrogate pair in it, which is no Unicode";

function isBroken(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}
