/** Did you mean …? */

/** The one of `known` that the word is most likely meant to be; undefined if none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const text = word.toLowerCase();
  let best: string | undefined;
  let least = text.length < 4 ? 2 : 3;
  if (text.length < 2) return undefined;
  for (const candidate of known) {
    const starts = candidate.length > 2 && (text.startsWith(candidate) || candidate.startsWith(text));
    const steps = starts ? 1 : distance(text, candidate);
    if (steps < least) [best, least] = [candidate, steps];
  }
  return best;
}

/** Edits from one word to the other: letters added, left out, changed, swapped with the next. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(change, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
