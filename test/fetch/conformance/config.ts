/** What the suite's server under test is: as the entries of deploy/, and every method may be called by GET. */
export function configOf(target: string): object {
  return { backends: [{ target }], routes: [{ connectGet: ["*"] }], log: { level: "warn" } };
}
