import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { message, requestFields } from "../gateway/support/fields.ts";
import { answerOk } from "../gateway/support/pod.ts";
import { routeSettings } from "../gateway/support/settings.ts";
import { startTriple } from "../gateway/support/world.ts";
import { ask, type Way, ways } from "./support/ask.ts";

/** Paths that no call has. A URL of the Fetch standard has no `..` and no `\` any more, so these come over HTTP/2 only. */
const noCalls: readonly { readonly path: string; readonly only?: Way }[] = [
  { path: "/" },
  { path: "/x" },
  { path: "/test.Echo" },
  { path: "/test.Echo/" },
  { path: "//Unary" },
  { path: "/test.Echo//Unary" },
  { path: "//test.Echo/Unary" },
  { path: "/test.Echo/Unary/" },
  { path: "/test.Echo%2FUnary" },
  { path: "/test.Echo%2fUnary" },
  { path: "/test.Echo/Un%61ry" },
  { path: "/test.Echo/Unary%00" },
  { path: "/test.Echo/%2e%2e/test.Admin/Delete", only: "HTTP/2" },
  { path: "/test.Echo/../test.Admin/Delete", only: "HTTP/2" },
  { path: "/test.Echo/./Unary", only: "HTTP/2" },
  { path: "/test.Echo/..", only: "HTTP/2" },
  { path: "/test.Echo\\Unary", only: "HTTP/2" },
  { path: "/test.Echo/Un\u00e4ry" },
];

/** Paths that are those of calls, and go to the pod as they came. */
const calls = ["/test.Echo/Unary", "/Echo/Unary", "/api/v1/test.Echo/Unary", "/test.Echo/Unary-2", "/test.v1..Echo/U"];

/** What the protocols' clients see: HTTP status, and the code in the protocol's own words. */
const protocols = [
  { name: "gRPC", type: "application/grpc", way: "HTTP/2", status: 200, code: "12" },
  { name: "gRPC-Web", type: "application/grpc-web+proto", status: 200, code: "12" },
  { name: "gRPC-Web in text", type: "application/grpc-web-text", status: 200, code: "12" },
  { name: "Connect unary", type: "application/proto", status: 501, code: "unimplemented" },
  { name: "Connect unary in JSON", type: "application/json", status: 501, code: "unimplemented" },
  { name: "Connect stream", type: "application/connect+proto", status: 200, code: "unimplemented" },
] as const;

describe.each(ways)("paths over %s", (way) => {
  const bad = noCalls.filter(({ only }) => only === undefined || only === way).map(({ path }) => path);
  const spoken = protocols.filter((protocol) => !("way" in protocol) || protocol.way === way);

  test.each(spoken)(
    "no path of a call, $name: unimplemented, and no pod hears of it",
    async ({ type, status, code }) => {
      const { world, pod } = await startTriple();
      for (const path of bad) {
        const got = await ask(world, way, { path, headers: { "content-type": type }, body: message(1) });
        expect(got.status, path).toBe(status);
        const said = got.header("grpc-message") ?? got.text;
        if (code === "12") expect(got.header("grpc-status"), path).toBe(code);
        else expect(got.text, path).toContain(`"code":"${code}"`);
        expect(said, path).toContain("calls go to /package.Service/Method");
      }
      expect(pod.calls).toEqual([]);
    },
  );

  test("no path of a call, Connect GET: unimplemented", async () => {
    const { world, pod } = await startTriple({ settings: { routes: [routeSettings({ connectGet: ["*"] })] } });
    for (const path of bad) {
      const got = await ask(world, way, { method: "GET", path: `${path}?encoding=proto&message=` });
      expect(got.status, path).toBe(501);
      expect(JSON.parse(got.text)).toMatchObject({ code: "unimplemented" });
    }
    expect(pod.calls).toEqual([]);
  });

  test("no path of a call and no protocol: 404 with a text", async () => {
    const { world, pod } = await startTriple();
    for (const path of bad) {
      for (const method of ["GET", "POST", "PUT"]) {
        const got = await ask(world, way, { method, path });
        expect(got.status, `${method} ${path}`).toBe(404);
        expect(got.header("content-type")).toBe("text/plain; charset=utf-8");
        expect(got.text).toMatch(
          /^fairlead: path .* is not that of a call; calls go to \/package\.Service\/Method\.\n$/,
        );
      }
    }
    expect(pod.calls).toEqual([]);
  });

  test("path of many kilobytes: the answer quotes its beginning", async () => {
    const { world } = await startTriple();
    const got = await ask(world, way, { path: `/${"x".repeat(8_000)}` });
    expect(got.status).toBe(404);
    expect(got.body.length).toBeLessThan(400);
  });

  test("paths of calls, with a prefix or without a package: go to the pod as they came", async () => {
    const { world, pod } = await startTriple();
    pod.onCall = (call) => answerOk(call, message(1));
    for (const path of calls) {
      const got = await ask(world, way, { path, headers: { "content-type": "application/proto" } });
      expect(got.status, path).toBe(200);
      expect(pod.last.fields[pod.last.fields.indexOf(":path") + 1]).toBe(path);
    }
  });
});

describe("paths", () => {
  test("dots in a URL: are gone before the route is chosen, so that route and pod see one path", async () => {
    const { world, pod } = await startTriple({
      settings: {
        routes: [routeSettings({ matches: [{ type: "Exact", service: "test.Echo", method: null, headers: [] }] })],
      },
    });
    pod.onCall = (call) => answerOk(call, message(1));
    const headers = { "content-type": "application/proto" };
    for (const path of ["/test.Echo/../test.Admin/Delete", "/test.Echo/%2e%2e/test.Admin/Delete"]) {
      expect((await ask(world, "fetch", { path, headers })).status).toBe(501);
    }
    expect(pod.calls).toEqual([]);
    expect((await ask(world, "fetch", { path: "/test.Admin/../test.Echo/Unary", headers })).status).toBe(200);
    expect(pod.last.fields).toContain("/test.Echo/Unary");
  });

  test("NUL or a space in a path: a malformed request (RFC 9113 8.3.1), reset, and the connection goes on", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call, message(1));
    for (const path of ["/test.Echo/Un\0ary", "/test.Echo/Un ary"]) {
      const call = client.unary(message(1), requestFields([], path));
      await world.settle();
      expect(call.aborted).toMatchObject({ by: "reset", code: ErrorCode.PROTOCOL_ERROR });
    }
    const next = client.unary(message(1));
    await world.settle();
    expect(next.status.code).toBe(0);
    expect(pod.calls).toHaveLength(1);
  });
});
