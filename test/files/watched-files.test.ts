import { describe, expect, test } from "vitest";
import { PemFiles } from "../../src/files/pem-files.ts";
import { WatchedFiles } from "../../src/files/watched-files.ts";
import type { Pem } from "../../src/runtime/machine.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { FakeClock } from "../support/fake-clock.ts";

const POLL_MS = 5_000;

/** Files in memory, and time that the test moves. */
function createDisk(files: Record<string, string>) {
  const clock = new FakeClock();
  const log = collectingLog();
  let reads = 0;
  const machine = {
    clock,
    readBytes: async (path: string) => {
      reads++;
      const text = files[path];
      if (text === undefined) throw new Error(`no such file: ${path}`);
      return new TextEncoder().encode(text);
    },
    checkPem: ({ cert, key }: Pem) => {
      if (cert?.replace("cert", "key") !== key) throw new Error("the key does not belong to the certificate");
    },
  };
  return {
    files,
    log,
    clock,
    parts: { machine, log },
    reads: () => reads,
    /** One look at the files. */
    poll: async () => {
      clock.advance(POLL_MS);
      await clock.waitForTimers(1);
    },
    lines: () => log.lines.map(({ level, event, fields }) => `${level} ${event} ${fields.error ?? ""}`.trim()),
  };
}

function watch(disk: ReturnType<typeof createDisk>, take: (texts: string[]) => void): WatchedFiles {
  return new WatchedFiles(
    {
      what: "things",
      of: { path: "a" },
      paths: Object.keys(disk.files),
      take: (contents) => take(contents.map((bytes) => new TextDecoder().decode(bytes))),
    },
    disk.parts,
  );
}

describe("watched files", () => {
  test("are taken at the start, and again when one of them has changed", async () => {
    const disk = createDisk({ a: "1", b: "1" });
    const taken: string[][] = [];
    const files = watch(disk, (texts) => taken.push(texts));
    await files.start();
    await disk.poll();
    expect(taken).toEqual([["1", "1"]]);
    disk.files.b = "2";
    await disk.poll();
    // As long as before, and another.
    disk.files.a = "3";
    await disk.poll();
    expect(taken).toEqual([
      ["1", "1"],
      ["1", "2"],
      ["3", "2"],
    ]);
    expect(disk.lines()).toEqual(["info things reloaded", "info things reloaded"]);
    files.stop();
    expect(disk.clock.pending).toBe(0);
  });

  test("that cannot be read, or used, leave the last ones in force: said once, until the reason is another", async () => {
    const disk = createDisk({ a: "1" });
    const taken: string[] = [];
    const files = watch(disk, ([text]) => {
      if (text === "bad") throw new Error("it is bad");
      taken.push(text);
    });
    await files.start();
    delete disk.files.a;
    await disk.poll();
    await disk.poll();
    disk.files.a = "bad";
    await disk.poll();
    await disk.poll();
    disk.files.a = "1";
    await disk.poll();
    disk.files.a = "bad";
    await disk.poll();
    expect(taken).toEqual(["1"]);
    expect(disk.lines()).toEqual([
      "warn things not reloaded no such file: a",
      "warn things not reloaded it is bad",
      "warn things not reloaded it is bad",
    ]);
    files.stop();
  });

  test("that cannot be read at the start: the start fails, and nothing goes on", async () => {
    const disk = createDisk({ a: "1" });
    delete disk.files.a;
    const files = watch(createDisk({}), () => {});
    await files.start();
    const missing = new WatchedFiles({ what: "things", of: {}, paths: ["a"], take: () => {} }, disk.parts);
    await expect(missing.start()).rejects.toThrow("no such file: a");
    expect(disk.clock.pending).toBe(0);
  });

  test("that are stopped while they are read: take nothing any more", async () => {
    const disk = createDisk({ a: "1" });
    let taken = 0;
    const files = watch(disk, () => taken++);
    await files.start();
    disk.files.a = "2";
    disk.clock.advance(POLL_MS);
    files.stop();
    await new Promise(setImmediate);
    expect(taken).toBe(1);
    expect(disk.clock.pending).toBe(0);
  });

  test("of which there are none: nothing is looked at", async () => {
    const disk = createDisk({});
    await watch(disk, () => {}).start();
    expect(disk.clock.pending).toBe(0);
    expect(disk.reads()).toBe(0);
  });
});

describe("certificates in files", () => {
  const paths = { certFile: "cert.pem", keyFile: "key.pem", caFile: null };

  test("a certificate that is written before its key: both are taken together", async () => {
    const disk = createDisk({ "cert.pem": "cert 1", "key.pem": "key 1" });
    const renewed: Pem[] = [];
    const files = new PemFiles({ listener: "l" }, paths, disk.parts, (pem) => renewed.push(pem));
    await files.start();
    expect(files.pem).toEqual({ cert: "cert 1", key: "key 1" });
    disk.files["cert.pem"] = "cert 2";
    await disk.poll();
    expect(files.pem).toEqual({ cert: "cert 1", key: "key 1" });
    disk.files["key.pem"] = "key 2";
    await disk.poll();
    expect(files.pem).toEqual({ cert: "cert 2", key: "key 2" });
    expect(renewed).toEqual([files.pem]);
    expect(disk.log.lines.map(({ event, fields }) => [event, fields])).toEqual([
      ["certificates not reloaded", { listener: "l", error: "the key does not belong to the certificate" }],
      ["certificates reloaded", { listener: "l" }],
    ]);
    files.stop();
  });

  test("files that cannot be used at the start: the error says whose they are", async () => {
    const disk = createDisk({ "cert.pem": "cert 1", "key.pem": "key 2" });
    const files = new PemFiles({ backend: "echo" }, paths, disk.parts);
    await expect(files.start()).rejects.toThrow("backend echo: the key does not belong to the certificate");
    expect(disk.clock.pending).toBe(0);
  });

  test("what a listener refuses is not in force", async () => {
    const disk = createDisk({ "cert.pem": "cert 1", "key.pem": "key 1" });
    const files = new PemFiles({}, paths, disk.parts, () => {
      throw new Error("refused");
    });
    await files.start();
    disk.files["cert.pem"] = "cert 2";
    disk.files["key.pem"] = "key 2";
    await disk.poll();
    expect(files.pem).toEqual({ cert: "cert 1", key: "key 1" });
    files.stop();
  });
});
