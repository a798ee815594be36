/**
 * The nearest valid word to a mistyped one: restricted Damerau-Levenshtein distance (insertions, deletions,
 * substitutions and swapped neighbours each cost 1).
 */

/** The word that `given` most likely meant, or undefined where none is near. */
export function nearest(given: string, words: Iterable<string>): string | undefined {
  // A third of the letters wrong is a typing mistake; more is another word.
  let bestDistance = Math.max(1, Math.floor(given.length / 3)) + 1;
  let best: string | undefined;
  for (const word of words) {
    const distance = given.length > 2 && word.startsWith(given) ? 1 : editDistance(given, word);
    if (distance < bestDistance) [bestDistance, best] = [distance, word];
  }
  return best;
}

/** `; did you mean "x"?`, or nothing where no word is near. */
export function suggestion(given: string, words: Iterable<string>, prefix = ''): string {
  const word = nearest(given, words);
  return word === undefined ? '' : `; did you mean "${prefix}${word}"?`;
}

function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const substituted = at(row, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] ? at(before, j - 2) + 1 : Infinity;
      next.push(Math.min(substituted, swapped, at(row, j) + 1, at(next, j - 1) + 1));
    }
    before = row;
    row = next;
  }
  return at(row, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
