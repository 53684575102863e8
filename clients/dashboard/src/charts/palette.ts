/** Colours come from the page's tokens, so that charts follow the theme; a dash tells series apart without colour. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const DASHES: readonly number[][] = [[], [6, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2]];

/** The colour token of the n-th series, from 0. */
export function seriesToken(index: number): string {
  return `--series-${(index % 6) + 1}`;
}

/** The dash of the n-th series, from 0; empty is solid. */
export function seriesDash(index: number): number[] {
  return DASHES[index % DASHES.length] ?? [];
}
