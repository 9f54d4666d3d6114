import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIpv6, parseIp, parseIpv6 } from "../../../src/discovery/dns/ip.ts";

describe("IP literal", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
  ])("%s: becomes %s", (text, canonical) => {
    expect(parseIp(text)?.text).toBe(canonical);
  });

  test.each([
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.-4",
    "1.2.3.4 ",
    ":",
    ":::",
    "1:2",
    "1::2::3",
    "12345::",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1.2.3",
    "1.2.3.4::",
    "::1%",
    "::1%a b",
    "[::1]",
    "g::",
  ])("%j: is none", (text) => {
    expect(parseIp(text)).toBeNull();
  });

  test("any IPv6 address: survives being written and read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(8), (bytes, zeros) => {
        bytes.fill(0, 4, 4 + zeros);
        const text = formatIpv6(bytes);
        expect(isIP(text)).toBe(6);
        expect(parseIpv6(text)).toEqual(bytes);
      }),
    );
  });

  test("any text: is taken exactly when the platform takes it", () => {
    const piece = fc.constantFrom("0", "1", "00", "ffff", "a", "10", "255", "256", ":", "::", ".", "1.2.3.4");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        expect(parseIp(text)?.family ?? 0).toBe(isIP(text));
      }),
      { numRuns: 2_000 },
    );
  });
});
