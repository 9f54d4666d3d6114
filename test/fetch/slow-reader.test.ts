import { describe, expect, test } from "vitest";
import type { Receiver } from "../../src/http2/receiver.ts";
import type { Downstream } from "../../src/protocols/downstream.ts";
import { enterFetch } from "../../src/protocols/fetch.ts";
import { ownHead } from "../../src/protocols/status.ts";
import { concat } from "../support/memory-stream.ts";
import { mulberry32 } from "../support/mulberry32.ts";

const request = (): Request => new Request("https://edge.example/p.S/M");
const nobody: Receiver = { head() {}, data() {}, end() {}, abort() {} };

interface Answering {
  readonly downstream: Downstream;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Bytes that the pod has had credit for. */
  readonly credited: () => number;
}

/** A call whose answer has begun; the pod's part is the test's. */
async function begin(): Promise<Answering> {
  let credited = 0;
  let taken: Downstream | undefined;
  const response = enterFetch(request(), (downstream) => {
    taken = downstream;
    return nobody;
  });
  const downstream = taken as unknown as Downstream;
  downstream.source = {
    consumed: (bytes) => {
      credited += bytes;
    },
  };
  downstream.head(ownHead([":status", "200"]));
  const { body } = await response;
  return { downstream, reader: (body as ReadableStream<Uint8Array>).getReader(), credited: () => credited };
}

describe("fetch form: a reader that is slower than the pod", () => {
  test("a window of single bytes costs their bytes, and is read in a few pieces", async () => {
    const { downstream, reader, credited } = await begin();
    const chunk = new Uint8Array(65_536).fill(7);
    for (let at = 0; at < 262_144; at++) downstream.data(chunk, at % chunk.length, (at % chunk.length) + 1);
    // Not more than it may hold ahead.
    expect(credited()).toBeLessThanOrEqual(65_536);
    downstream.end(null);
    let pieces = 0;
    let bytes = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      pieces++;
      bytes += read.value.length;
    }
    expect(bytes).toBe(262_144);
    // One by one they took 46 MB.
    expect(pieces).toBeLessThan(70);
  });

  test("what the pod sends is read in its order, however both take turns, and all of it is credited in the end", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = mulberry32(seed);
      const { downstream, reader, credited } = await begin();
      const sent: Uint8Array[] = [];
      const read: Uint8Array[] = [];
      let left = 0;
      const take = async (): Promise<void> => {
        const { value = new Uint8Array(0) } = await reader.read();
        read.push(value);
        left -= value.length;
      };
      for (let step = 0; step < 300; step++) {
        const length = 1 + Math.floor(random() * (random() < 0.7 ? 40 : 16_000));
        const piece = new Uint8Array(length).fill(step);
        downstream.data(piece, 0, length);
        sent.push(piece);
        left += length;
        while (left > 0 && random() < 0.5) await take();
        // In the same turn as a read that has just been served.
        if (random() < 0.2) await Promise.resolve();
      }
      while (left > 0) await take();
      // A reader that waits: everything has been asked for.
      const last = reader.read();
      expect(credited(), `seed ${seed}`).toBe(concat(sent).length);
      downstream.end(null);
      expect((await last).done).toBe(true);
      expect(Buffer.compare(concat(read), concat(sent)), `seed ${seed}`).toBe(0);
    }
  });
});
