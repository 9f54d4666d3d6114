import { WatchedFiles, type WatchParts } from "../files/watched-files.ts";
import { readDescriptorSet, type Schema } from "./schema.ts";

/** A descriptor set in a file, `buf build -o` or `protoc --include_imports -o`, loaded again when it changes. */
export class DescriptorSet {
  readonly path: string;
  #schema: Schema | null = null;
  readonly #file: WatchedFiles;

  constructor(path: string, parts: WatchParts) {
    this.path = path;
    this.#file = new WatchedFiles(
      {
        what: "descriptor set",
        of: { path },
        paths: [path],
        take: ([bytes]) => {
          this.#schema = readDescriptorSet(bytes);
        },
      },
      parts,
    );
  }

  /** Null before it has been loaded. */
  get schema(): Schema | null {
    return this.#schema;
  }

  /** @throws (rejects) when the file cannot be read or is no descriptor set */
  async start(): Promise<void> {
    try {
      await this.#file.start();
    } catch (error) {
      throw new Error(`descriptor set ${this.path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  stop(): void {
    this.#file.stop();
  }
}
