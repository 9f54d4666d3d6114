/** Something in the configuration that is wrong. */
export interface Problem {
  /** Where: `fairlead.yaml:3:5: listeners[0].port`, or a flag such as `--listen`. */
  readonly where: string;
  /** What is wrong, and what would be right. */
  readonly what: string;
}

/** One line for people. */
export function formatProblem(problem: Problem): string {
  return `${problem.where}: ${problem.what}`;
}

/** Collects problems, so that all of them can be told at once. Fields are named by their path, such as `listeners[0].port`. */
export interface Report {
  /** @param path the field in lowerCamel form; it need not be there, for what is missing */
  add(path: string, what: string): void;
  /** Whether something is wrong with this very field: then nothing should be concluded from its value. */
  has(path: string): boolean;
  /** In the order of the source. */
  problems(): readonly Problem[];
}

/** What a {@link Report} has to know of the source: where fields are. */
export interface Places {
  /** @returns the place for people, and a number to sort by */
  find(path: string): { readonly where: string; readonly order: number };
}

export function createReport(places: Places): Report {
  const found: { problem: Problem; order: number }[] = [];
  const paths = new Set<string>();
  return {
    add(path, what) {
      paths.add(path);
      const { where, order } = places.find(path);
      // A flag that sets a field of every listener is told once.
      if (found.some(({ problem }) => problem.where === where && problem.what === what)) return;
      found.push({ problem: { where, what }, order });
    },
    has: (path) => paths.has(path),
    // The sort is stable: what is wrong with one field stays in the order in which it was found.
    problems: () => found.toSorted((a, b) => a.order - b.order).map(({ problem }) => problem),
  };
}
