import { describe, expect, test } from "vitest";
import type { Head } from "../../src/http2/receiver.ts";
import { classify } from "../../src/protocols/classify.ts";
import { grpcUpstreamHead, withTimeout } from "../../src/protocols/grpc.ts";

function head(more: readonly string[] = [], method = "POST", path = "/shop.v1.Cart/Add"): Head {
  const fields = [":method", method, ":scheme", "https", ":path", path, ":authority", "shop.test:443", ...more];
  return { fields, neverIndexed: null, memo: undefined };
}

const typed = (type: string) => head(["content-type", type]);

describe("classify", () => {
  test.each([
    ["application/grpc", "grpc"],
    ["APPLICATION/GRPC", "grpc"],
    ["application/grpc+proto", "grpc"],
    ["application/grpc;charset=utf-8", "grpc"],
    ["application/grpc-web", "grpc-web"],
    ["application/grpc-web+proto", "grpc-web"],
    ["application/grpc-web-text", "grpc-web-text"],
    ["application/connect+proto", "connect-stream"],
    ["application/json", "connect-unary"],
    ["application/json; charset=utf-8", "connect-unary"],
    ["application/proto", "connect-unary"],
    ["application/grpcx", "other"],
    ["application/grpc-webx", "other"],
    ["text/plain", "other"],
    ["", "other"],
  ])("%j: %s", (type, protocol) => {
    expect(classify(typed(type)).protocol).toBe(protocol);
  });

  test.each([
    ["application/grpc", "grpc", ""],
    ["application/grpc+proto", "grpc", "proto"],
    ["application/grpc-web", "grpc-web", ""],
    ["application/grpc-web+json", "grpc-web", "json"],
    ["application/grpc-web-text", "grpc-web-text", ""],
    ["application/grpc-web-text+proto", "grpc-web-text", "proto"],
    ["application/connect+proto", "connect-stream", "proto"],
    ["application/connect+json", "connect-stream", "json"],
    ["application/proto", "connect-unary", "proto"],
    ["application/json", "connect-unary", "json"],
  ])("%s: in any case and with parameters, as React Native sends it", (type, protocol, codec) => {
    for (const form of [type.toUpperCase(), `${type};charset=UTF-8`, `${type}; charset=utf-8`, `${type} ; a=b; c="d"`])
      expect(classify(typed(form)), form).toMatchObject({ protocol, codec });
  });

  test("GET: a call only with encoding and message in its query, in any order", () => {
    const of = (query: string) => classify(head([], "GET", `/shop.v1.Cart/Add?${query}`)).protocol;
    for (const query of ["encoding=proto&message=", "message=AA&x=1&encoding=json"])
      expect(of(query)).toBe("connect-get");
    for (const query of ["", "encoding=proto", "message=AA", "xencoding=proto&message="])
      expect(of(query)).toBe("other");
  });

  test("method, path, service, authority", () => {
    expect(classify(typed("application/grpc"))).toMatchObject({
      path: "/shop.v1.Cart/Add",
      service: "shop.v1.Cart",
      method: "Add",
      authority: "shop.test:443",
      timeout: Number.POSITIVE_INFINITY,
    });
  });

  test("host stands in for a missing authority, and not for one that is there", () => {
    const fields = [":method", "POST", ":scheme", "http", ":path", "/a/b", "host", "only.test"];
    expect(classify({ fields, neverIndexed: null, memo: undefined }).authority).toBe("only.test");
    expect(classify(head(["host", "other.test"])).authority).toBe("shop.test:443");
  });

  test.each(["*", "/", "//", "/a", "/a/", "//b", "/../a/b", "/a.B/../c.D/E", "/a.B%2FC/d", "/a\\b/c", "/./a"])(
    "%j: is no path of a call, so no route's service matches it",
    (path) => {
      expect(classify(head(["content-type", "application/grpc"], "POST", path))).toMatchObject({
        service: "",
        method: "",
      });
    },
  );

  test("remembered: the same head gives the same request", () => {
    const one = typed("application/grpc");
    expect(classify(one)).toBe(classify(one));
  });

  test("timeouts: each protocol's own field", () => {
    const both = ["grpc-timeout", "5S", "connect-timeout-ms", "250"];
    expect(classify(head(["content-type", "application/grpc", ...both])).timeout).toBe(5_000);
    expect(classify(head(["content-type", "application/json", ...both])).timeout).toBe(250);
    expect(classify(head(["content-type", "application/grpc", "grpc-timeout", ""])).timeout).toBeNaN();
    expect(classify(head(["content-type", "application/json", "connect-timeout-ms", ""])).timeout).toBeNaN();
  });
});

describe("the head for the pod", () => {
  test("te: added at the end when it is missing; the same head when it is there", () => {
    const with_ = head(["te", "trailers", "x", "1"]);
    expect(grpcUpstreamHead(with_)).toBe(with_);
    const without = { ...head(["x", "1"]), neverIndexed: [8] };
    const added = grpcUpstreamHead(without);
    expect(added.fields).toEqual([...without.fields, "te", "trailers"]);
    expect(added.neverIndexed).toEqual([8]);
    // The original is never changed: the decoder gives it out again.
    expect(without.fields).toHaveLength(10);
  });

  test("timeout: in the place of the old one, of all old ones, or at the end", () => {
    const one = head(["grpc-timeout", "1S", "x", "1", "grpc-timeout", "2S"]);
    expect(withTimeout(one, "7m").fields).toEqual(head(["grpc-timeout", "7m", "x", "1", "grpc-timeout", "7m"]).fields);
    expect(one.fields).toContain("1S");
    expect(withTimeout(head(["x", "1"]), "7m").fields).toEqual(head(["x", "1", "grpc-timeout", "7m"]).fields);
  });
});
