import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Encoder } from "../../../src/http2/hpack/encoder.ts";
import type { Head } from "../../../src/http2/receiver.ts";
import { createDecoder, encode, head } from "./support.ts";

/** Few names and values, so that they repeat and are indexed, and some of every kind, so that nothing is taken for granted. */
const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(":path", ":status", "grpc-timeout", "x-a", "x-b", "content-type", "cookie", "te"),
  },
  { weight: 1, arbitrary: octets(20) },
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("", "200", "/", "1S", "a", "b", "x".repeat(70), "application/grpc") },
  { weight: 1, arbitrary: octets(200) },
);
const field = fc.tuple(name, value, fc.boolean());

type Step = { readonly kind: "head"; readonly head: Head } | { readonly kind: "again"; readonly pick: number } | Resize;
interface Resize {
  readonly kind: "resize";
  readonly sizes: readonly number[];
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(field, { maxLength: 8 }).map((fields): Step => {
      const never = fields.flatMap(([, , secret], at) => (secret && at % 4 === 0 ? [at * 2] : []));
      return {
        kind: "head",
        head: head(
          fields.flatMap((parts) => parts.slice(0, 2) as string[]),
          never.length > 0 ? never : null,
        ),
      };
    }),
  },
  { weight: 8, arbitrary: fc.nat(50).map((pick): Step => ({ kind: "again", pick })) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(0, 33, 64, 100, 300, 4096, 10_000), { minLength: 1, maxLength: 3 })
      .map((sizes): Step => ({ kind: "resize", sizes })),
  },
);

function octets(maxLength: number): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength }).map((codes) => String.fromCharCode(...codes));
}

const SECRET = new Set(["cookie"]);

describe("round trip", () => {
  it("encoder and decoder: agree on every head of a connection, through resizes of the table and repeats", () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 40, 128, 4096, 9000), fc.array(step, { maxLength: 60 }), (ours, steps) => {
        const encoder = new Encoder(ours);
        const decoder = createDecoder();
        const sent: Head[] = [];
        for (const one of steps) {
          if (one.kind === "resize") {
            for (const size of one.sizes) {
              encoder.setPeerMaxTableSize(size);
              decoder.setMaxTableSize(size);
            }
            continue;
          }
          const next = one.kind === "head" ? one.head : sent[one.pick % sent.length];
          if (next === undefined) continue;
          sent.push(next);
          const block = encode(encoder, next);
          const decoded = decoder.decode(block, 0, block.length);
          expect(decoded.fields).toEqual(next.fields);
          expect(decoded.neverIndexed ?? []).toEqual(expectedNever(next));
        }
      }),
      { numRuns: 400 },
    );
  });

  it("decoder: any octets either decode or end with HpackError", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (blocks) => {
        const decoder = createDecoder();
        for (const block of blocks) {
          try {
            const { fields } = decoder.decode(block, 0, block.length);
            expect(fields.every((text) => typeof text === "string")).toBe(true);
          } catch (error) {
            expect((error as Error).name).toBe("HpackError");
            return;
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function expectedNever(one: Head): number[] {
  const positions: number[] = [];
  for (let at = 0; at < one.fields.length; at += 2) {
    if (one.neverIndexed?.includes(at) || SECRET.has(one.fields[at])) positions.push(at);
  }
  return positions;
}
