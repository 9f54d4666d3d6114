import { describe, expect, test } from "vitest";
import { createGoawayFilter } from "../../src/runtime/goaway-filter.ts";

const preface = [...new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")];

function frame(type: number, ...payload: readonly number[]): number[] {
  return [0, payload.length >> 8, payload.length & 0xff, type, 0, 0, 0, 0, 1, ...payload];
}

const settings = frame(4);
// Its payload looks like a GOAWAY frame, and is none.
const data = frame(0, ...frame(7, 1, 2, 3, 4, 5, 6, 7, 8));
const goaway = frame(7, 0, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode("bye"));
const long = frame(0, ...Array.from({ length: 300 }, (_, i) => i & 0xff));

function filtered(pieces: readonly (readonly number[])[]): number[] {
  const filter = createGoawayFilter();
  return pieces.flatMap((piece) => filter(Uint8Array.from(piece)).flatMap((kept) => [...kept]));
}

describe("goaway filter", () => {
  test("frames: all but GOAWAY go through as they are", () => {
    expect(filtered([[...preface, ...settings, ...goaway, ...data, ...long, ...goaway]])).toEqual([
      ...preface,
      ...settings,
      ...data,
      ...long,
    ]);
  });

  test("pieces: wherever the bytes are cut, the result is the same", () => {
    const all = [...preface, ...settings, ...goaway, ...data, ...goaway, ...settings];
    const expected = [...preface, ...settings, ...data, ...settings];
    for (let cut = 0; cut <= all.length; cut++) expect(filtered([all.slice(0, cut), all.slice(cut)])).toEqual(expected);
    expect(filtered(all.map((byte) => [byte]))).toEqual(expected);
  });

  test("pieces: what is given out is not overwritten by what comes next", () => {
    const filter = createGoawayFilter();
    const first = filter(Uint8Array.from([...preface, ...settings]));
    filter(Uint8Array.from(data));
    expect(first.flatMap((kept) => [...kept])).toEqual([...preface, ...settings]);
  });
});
