import { describe, expect, test } from "vitest";
import { servePage } from "../../src/demo/page-server.ts";
import { readText } from "../../src/runtime/read-text.ts";
import { track } from "../support/harness.ts";

describe("page server", () => {
  test("files: all that the page asks for are there, with their types and a policy that lets nothing else in", async () => {
    const page = track(await servePage(readText));
    const index = await fetch(page.url);
    expect(index.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(index.headers.get("content-security-policy")).toMatch(/^default-src 'none';/);
    const html = await index.text();
    const asked = [...html.matchAll(/(?:href|src)="([^":]+)"/g)].map(([, name]) => name);
    expect(asked).toEqual(["style.css", "gallery.js"]);
    for (let name = asked.shift(); name !== undefined; name = asked.shift()) {
      const response = await fetch(page.url + name);
      expect(response.status, name).toBe(200);
      const text = await response.text();
      if (name.endsWith(".js")) asked.push(...[...text.matchAll(/from "\.\/([^"]+)"/g)].map(([, from]) => from));
      expect(text, `${name} loads nothing from elsewhere`).not.toMatch(/https?:\/\//);
    }
  });

  test("pods: none until the demo has some", async () => {
    const page = track(await servePage(readText));
    expect(await (await fetch(`${page.url}pods.json`)).json()).toEqual({ gateway: "", pods: [] });
  });

  test("anything else: 404, and only GET", async () => {
    const page = track(await servePage(readText));
    expect((await fetch(`${page.url}../page-server.ts`)).status).toBe(404);
    expect((await fetch(page.url, { method: "POST" })).status).toBe(405);
  });
});

describe("the page's own codec", () => {
  const load = (name: string) => import(new URL(`../../src/demo/page/${name}`, import.meta.url).href);
  async function* cut(bytes: Uint8Array, size: number) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  test("envelopes: come out whole wherever the stream is cut", async () => {
    const { envelope, envelopes } = await load("wire.js");
    const bytes = Uint8Array.from([...envelope(Uint8Array.of(1, 2, 3)), ...envelope(new Uint8Array(), 0x80)]);
    for (let size = 1; size <= bytes.length; size++) {
      const found = [];
      for await (const { flags, message } of envelopes(cut(bytes, size))) found.push([flags, [...message]]);
      expect(found, `cut every ${size}`).toEqual([
        [0, [1, 2, 3]],
        [0x80, []],
      ]);
    }
  });

  test("base64: padding may stand in the middle, and the text is cut anywhere", async () => {
    const { unbase64 } = await load("wire.js");
    const text = new TextEncoder().encode("AQ==AgM=BAUG");
    for (let size = 1; size <= text.length; size++) {
      const bytes: number[] = [];
      for await (const piece of unbase64(cut(text, size))) bytes.push(...piece);
      expect(bytes, `cut every ${size}`).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  test("messages: what the page writes and reads is protobuf", async () => {
    const { encodeText, decode } = await load("wire.js");
    expect([...encodeText("é")]).toEqual([0x0a, 2, 0xc3, 0xa9]);
    expect(encodeText("x".repeat(200)).slice(0, 3)).toEqual(Uint8Array.of(0x0a, 0xc8, 0x01));
    expect(decode(Uint8Array.of(0x0a, 1, 0x61, 0x12, 1, 0x62, 0x18, 0xac, 0x02))).toEqual({
      text: "a",
      pod: "b",
      number: 300,
    });
  });
});
