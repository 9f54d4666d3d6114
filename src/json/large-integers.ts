/**
 * JSON.parse makes a double of every number, which holds integers exactly only up to 2^53. Larger ones are put in quotes, the
 * form in which protobuf's JSON mapping takes 64-bit integers (and floats) as well. Integers of fewer than 16 digits are exact.
 */
export function quoteLargeIntegers(json: string): string {
  if (!/\d{16}/.test(json)) return json;
  let quoted = "";
  let done = 0;
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at);
    if (code === 0x22 /* " */) at = afterString(json, at);
    else if (code === 0x2d /* - */ || isDigit(code)) {
      const end = afterNumber(json, at);
      if (end - at >= 16 && isInexact(json.slice(at, end))) {
        quoted += `${json.slice(done, at)}"${json.slice(at, end)}"`;
        done = end;
      }
      at = end;
    } else at++;
  }
  return quoted + json.slice(done);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Where a string that begins at `at` has ended. */
function afterString(json: string, at: number): number {
  for (let i = at + 1; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === 0x22 /* " */) return i + 1;
    if (code === 0x5c /* \ */) i++;
  }
  return json.length;
}

function afterNumber(json: string, at: number): number {
  let end = at + 1;
  for (; end < json.length; end++) {
    const code = json.charCodeAt(end);
    const part = isDigit(code) || code === 0x2e || code === 0x2b || code === 0x2d || (code | 0x20) === 0x65; // . + - e
    if (!part) break;
  }
  return end;
}

/** An integer without fraction or exponent that a double would change. One that is exact is left as it is written. */
function isInexact(token: string): boolean {
  // More digits than any 64-bit integer has: refused either way, and not worth the arithmetic.
  if (token.length > 40 || !/^-?[1-9]\d*$/.test(token)) return false;
  return BigInt(token) !== BigInt(Number(token));
}
