/** How far a fill is, and what to change where it does not get further. Pure. */
import { perSecond } from './verdict.ts';

export interface FillProgress {
  readonly filled: number;
  readonly keys: number;
  /** Keys a second, of late. */
  readonly rate: number;
  /** Requests that were refused or lost; their keys are tried again. */
  readonly refused: number;
}

/** Between two lines where lines are not written over each other. */
export const fillLineMs = 3000;
/** Default of `--fill-timeout`. */
export const fillTimeoutMsDefault = 60_000;

/** `Filled 1200 of 5000 keys, 410/s, 12 refused and tried again`. */
export function fillLine({ filled, keys, rate, refused }: FillProgress): string {
  const again = refused === 0 ? '' : `, ${refused} refused and tried again`;
  return `Filled ${filled} of ${keys} keys, ${perSecond(rate)}${again}`;
}

export interface StuckFill extends FillProgress {
  readonly targets: readonly string[];
  readonly timeoutMs: number;
  /** Of the last refusal: `answers 504`. */
  readonly why: string;
}

/** What is said where nothing was accepted for `timeoutMs`. */
export function stuckSentence({ targets, timeoutMs, filled, keys, refused, why }: StuckFill): string {
  const cause = refused === 0 ? why : `${refused} requests refused, the last: ${why}`;
  return (
    `Cannot fill: ${targets.join(', ')}: nothing accepted for ${timeoutMs / 1000} s (${cause}), ` +
    `${filled} of ${keys} keys are in. Give fewer --keys, nodes with --durability commit or a longer --timeout-ms ` +
    '(KVORUM_TIMEOUT_MS in the environment), or a longer --fill-timeout'
  );
}
