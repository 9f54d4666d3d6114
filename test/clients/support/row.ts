import type { TestContext } from "vitest";

/** What a test tells docs/clients.md: kept in the report of the run, so that nothing there is written by hand. */
export interface RowNote {
  /** Which table. */
  readonly table: "clients" | "habits";
  /** Order in the table. */
  readonly order: number;
  readonly name: string;
  /** Libraries and runtimes with their versions; empty: not installed. */
  readonly versions: string;
  /** A column of the table of clients; what was seen of a habit. */
  readonly column: string;
  /** Why nothing was run. */
  readonly skipped?: string;
}

declare module "vitest" {
  interface TaskMeta {
    row?: RowNote;
  }
}

export function note(context: TestContext, row: RowNote): void {
  context.task.meta.row = row;
}
