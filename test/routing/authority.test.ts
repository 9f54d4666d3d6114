import { describe, expect, test } from "vitest";
import { hostMatches, hostOf } from "../../src/routing/authority.ts";

describe("the host of an authority", () => {
  test.each([
    ["example.com", "example.com"],
    ["Example.COM:443", "example.com"],
    ["example.com.:443", "example.com"],
    ["example.com:", "example.com"],
    ["user:secret@example.com:1", "example.com"],
    ["[::1]:8080", "[::1]"],
    ["[::1]", "[::1]"],
    ["127.0.0.1:80", "127.0.0.1"],
    ["", ""],
    [":80", ""],
    ["a:b:1", "a:b"],
  ])("%j: %j", (authority, host) => expect(hostOf(authority)).toBe(host));
});

describe("a wildcard", () => {
  test.each([
    ["*.example.com", "a.example.com", true],
    ["*.example.com", "a.b.example.com", true],
    ["*.example.com", "example.com", false],
    ["*.example.com", ".example.com", false],
    ["*.example.com", "aexample.com", false],
    ["example.com", "example.com", true],
    ["example.com", "a.example.com", false],
  ])("%s and %s: %s", (hostname, host, matches) => expect(hostMatches(hostname, host)).toBe(matches));
});
