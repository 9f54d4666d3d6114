import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Bytes of all files under a folder, and about how many a registry would store: each file gzipped for itself. */
export function sizeOf(root: string): { readonly bytes: number; readonly compressed: number; readonly files: number } {
  let bytes = 0;
  let compressed = 0;
  let files = 0;
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = readFileSync(join(entry.parentPath, entry.name));
    bytes += content.length;
    // Level 1 is quick and some percent larger than what registries hold.
    compressed += gzipSync(content, { level: 1 }).length;
    files++;
  }
  return { bytes, compressed, files };
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
