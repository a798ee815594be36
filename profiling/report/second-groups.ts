/** Long runs in bounded charts: neighbouring seconds go together until the points are few enough to draw and to read. */

export interface SecondGroups<Second> {
  /** Seconds to a group. */
  readonly size: number;
  /** Group `i` covers seconds `i * size` up to `(i + 1) * size`; empty where nothing was measured. */
  readonly groups: readonly (readonly Second[])[];
}

export const groupsMax = 240;

/** `second` is counted from the start of the window, from 0 for the first whole second. */
export function groupsOf<Second extends { readonly second: number }>(
  seconds: readonly Second[],
  spanSeconds = spanOf(seconds),
): SecondGroups<Second> {
  const size = Math.max(1, Math.ceil(spanSeconds / groupsMax));
  const groups: Second[][] = Array.from({ length: Math.ceil(spanSeconds / size) }, () => []);
  for (const one of seconds) groups[Math.floor(one.second / size)]?.push(one);
  return { size, groups };
}

/** How many seconds there are, up to the last one. */
export function spanOf(seconds: readonly { readonly second: number }[]): number {
  return seconds.reduce((span, { second }) => Math.max(span, Math.floor(second) + 1), 0);
}
