/** Hints for tests, and what stands in for a node that they are for. */
import type { Hint } from '../../src/formats/hint.ts';
import { hintVersion, isReference } from '../../src/formats/hint.ts';
import type { KeptHint } from '../../workers/repair/hint-segment.ts';
import { sampleEntry } from './log-entries.ts';

/** A write that was missed; `isHere`: its record is not kept with it. */
export function hint(key: string, version: number, isHere = true, valueBytes = 40): Hint {
  const { source, place } = sampleEntry(key, version, valueBytes);
  return { bytes: source, ...place, isHere };
}

/** `key=version`, and a plus where the record is kept, too. */
export function told(kept: KeptHint): string {
  const { image, keyStart, keyEnd } = kept;
  const key = image.toString('utf8', keyStart, keyEnd);
  return `${key}=${hintVersion(image, kept)}${isReference(kept) ? '' : '+'}`;
}
