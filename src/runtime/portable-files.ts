import type { ReadBytes, ReadText } from "./machine.ts";

/** Files by the paths that the configuration names them by, for platforms without a file system. */
export type GivenFiles = Readonly<Record<string, string | Uint8Array>>;

/**
 * Reads given files, and others in another way.
 * @param otherwise for paths that were not given; null where there is no file system
 */
export function readGiven(
  files: GivenFiles,
  otherwise: { readonly readText: ReadText; readonly readBytes: ReadBytes } | null,
): { readonly readText: ReadText; readonly readBytes: ReadBytes } {
  const given = (path: string): string | Uint8Array | undefined =>
    Object.hasOwn(files, path) ? files[path] : undefined;
  const missing = (path: string): Promise<never> =>
    Promise.reject(new Error(`${path}: this platform has no file system; give the file in the option "files"`));
  return {
    readText: async (path) => {
      const file = given(path);
      if (file === undefined) return otherwise === null ? missing(path) : otherwise.readText(path);
      return typeof file === "string" ? file : new TextDecoder().decode(file);
    },
    readBytes: async (path) => {
      const file = given(path);
      if (file === undefined) return otherwise === null ? missing(path) : otherwise.readBytes(path);
      return typeof file === "string" ? new TextEncoder().encode(file) : file;
    },
  };
}
