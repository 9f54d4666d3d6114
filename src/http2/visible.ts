/** What no field value may have (RFC 9110 5.5): controls other than a tab. HTTP/2 lets all but three of them pass. */
const invisible = /[^\t\x20-\x7e\x80-\xff]/;
const allInvisible = new RegExp(invisible, "g");

/**
 * A value with a space in place of every control (RFC 9110 5.5). Platforms refuse the whole answer otherwise, and Deno 2.9.6 ends
 * the process: "panicked at libs/http_h1/write.rs:235: invalid response header value".
 */
export function visible(value: string): string {
  return invisible.test(value) ? value.replace(allInvisible, " ") : value;
}
