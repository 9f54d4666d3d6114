import { readFile } from "node:fs/promises";
import type { ReadText } from "./machine.ts";

/** Node's messages name the path already: `ENOENT: no such file or directory, open '/a/b'`. Deno's do the same. */
export const readText: ReadText = (path) => readFile(path, "utf8");
