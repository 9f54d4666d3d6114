/**
 * The word that was perhaps meant: the candidate with the fewest typing errors, when there are few enough for a guess to
 * help. Case, `-` and `_` make no difference.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  // What is longer was not mistyped, and must not cost a square of its length.
  if (word.length > 64) return null;
  let best: string | null = null;
  // A third of the letters wrong is another word.
  let fewest = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const errors = typingErrors(plain(word), plain(candidate));
    if (errors < fewest) {
      fewest = errors;
      best = candidate;
    }
  }
  return best;
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, "");
}

/** Optimal string alignment distance: letters added, lost, replaced, or swapped with their neighbour. */
function typingErrors(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}
