import type { LogFields, Machine, Pem } from "../runtime/machine.ts";
import { WatchedFiles, type WatchParts } from "./watched-files.ts";

export interface PemParts extends WatchParts {
  readonly machine: WatchParts["machine"] & Pick<Machine, "checkPem">;
}

/** Which files hold what; null where there is none. */
export interface PemPaths {
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly caFile: string | null;
}

/** The certificates of one listener or backend, in PEM files: read at the start, and again when they are renewed. */
export class PemFiles {
  #pem: Pem = {};
  readonly #of: LogFields;
  readonly #files: WatchedFiles;

  /**
   * @param of whose they are, for logs
   * @param renewed gets those that have come in the place of others; what it throws leaves the others in force
   */
  constructor(of: LogFields, paths: PemPaths, parts: PemParts, renewed: (pem: Pem) => void = () => {}) {
    const named = Object.entries({ cert: paths.certFile, key: paths.keyFile, ca: paths.caFile }).flatMap(
      ([name, path]) => (path === null ? [] : [{ name, path }]),
    );
    this.#of = of;
    let first = true;
    this.#files = new WatchedFiles(
      {
        what: "certificates",
        of,
        paths: named.map(({ path }) => path),
        take: (contents) => {
          const texts = contents.map((bytes, index) => [named[index].name, new TextDecoder().decode(bytes)]);
          const pem: Pem = Object.fromEntries(texts);
          // A certificate whose key is yet to be written, and the like.
          parts.machine.checkPem?.(pem);
          if (!first) renewed(pem);
          first = false;
          this.#pem = pem;
        },
      },
      parts,
    );
  }

  /** What is in force; empty before the start. */
  get pem(): Pem {
    return this.#pem;
  }

  /** @throws (rejects) when a file cannot be read or used, saying whose it is */
  async start(): Promise<void> {
    try {
      await this.#files.start();
    } catch (error) {
      const whose = Object.entries(this.#of).map(([kind, name]) => `${kind} ${name}`);
      throw new Error(`${whose.join(", ")}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }

  stop(): void {
    this.#files.stop();
  }
}
