/** "Did you mean": the known word that is nearest to a mistyped one. */

/** Edits (insert, delete, replace, swap of neighbours) from one word to the other. */
function distance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const cost = from[i - 1] === to[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length] ?? 0;
}

/** Case and the kind of separator are what people get wrong most, so they cost nothing. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/**
 * The candidate nearest to `word`, where one is near enough: a third of its letters may differ, or one word
 * is the other with up to four letters behind it.
 */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = plain(word);
  // a word this long is no typing error, and the comparison is quadratic
  if (wanted === '' || wanted.length > 64) return undefined;
  let best: { readonly candidate: string; readonly score: number } | undefined;
  for (const candidate of candidates) {
    const known = plain(candidate);
    const score = distance(wanted, known);
    const near = score <= Math.max(1, Math.floor(Math.max(wanted.length, known.length) / 3));
    const shorter = Math.min(wanted.length, known.length);
    const behind = Math.abs(wanted.length - known.length);
    const prefix = shorter >= 4 && behind <= 4 && (known.startsWith(wanted) || wanted.startsWith(known));
    if ((near || prefix) && (best === undefined || score < best.score)) best = { candidate, score };
  }
  return best?.candidate;
}

/** `; did you mean "concurrency"?`, or nothing: to be put behind a message. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const candidate = suggest(word, candidates);
  return candidate === undefined ? '' : `; did you mean "${candidate}"?`;
}
