import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Stream } from "../../src/http2/stream.ts";
import { StreamTable } from "../../src/http2/stream-table.ts";

const stream = (id: number) => ({ id }) as Stream;

describe("stream table", () => {
  test("any program of opening and closing: like a map", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3000 })), { maxLength: 400 }),
        (program) => {
          const table = new StreamTable();
          const model = new Map<number, Stream>();
          for (const [open, n] of program) {
            const id = 2 * n + 1;
            if (open && !model.has(id)) {
              const made = stream(id);
              table.set(id, made);
              model.set(id, made);
            } else if (!open) {
              table.delete(id);
              model.delete(id);
            }
            expect(table.size).toBe(model.size);
            expect(table.get(id)).toBe(model.get(id));
          }
          for (const [id, made] of model) expect(table.get(id)).toBe(made);
          expect(new Set(table.values())).toEqual(new Set(model.values()));
        },
      ),
    );
  });

  test("identifiers that are far apart and want the same slot: all found, and the ring stays small", () => {
    const table = new StreamTable();
    const ids = Array.from({ length: 100 }, (_, i) => 1 + i * 2 ** 21);
    for (const id of ids) table.set(id, stream(id));
    for (const id of ids) expect(table.get(id)?.id).toBe(id);
    for (const id of ids) table.delete(id);
    expect(table.size).toBe(0);
    expect(table.values()).toEqual([]);
  });
});
