import { readFile } from "node:fs/promises";
import type { ReadBytes } from "./machine.ts";

/** The same messages as readText's. */
export const readBytes: ReadBytes = (path) => readFile(path);
