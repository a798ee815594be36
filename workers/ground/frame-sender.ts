/** This node as its frames tell peers of it, and what it learns from theirs. */
import type { Version } from '../../src/formats/record.ts';
import type { Sender } from '../../src/formats/sender.ts';
import type { SeenVersions } from './seen-versions.ts';

export interface FrameSender extends Sender {
  /** Sees the newest version that a peer has seen. */
  see(version: Version): void;
}

/** `start` is the number of this process (`Sender.start`). */
export function frameSender(versions: Pick<SeenVersions, 'newest' | 'see'>, start: number): FrameSender {
  return {
    start,
    get newest() {
      return versions.newest;
    },
    see: (version) => versions.see(version),
  };
}
