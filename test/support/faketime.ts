/** Nodes whose clocks are wrong, with libfaketime (Debian package `libfaketime`); monotonic time goes on as it is. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './temporary-directory.ts';

const folders = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((machine) => `/usr/lib/${machine}/faketime`);
const library = folders.map((folder) => `${folder}/libfaketimeMT.so.1`).find((path) => existsSync(path));

/** Why clocks cannot be bent here, or undefined if they can. */
export const whyNoFaketime = library === undefined ? 'libfaketime is not installed' : undefined;

/** A clock that is set while a node runs. */
export interface FakeClock {
  /** What a node has to find in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Sets the clock so many seconds ahead of the machine's; a node sees it at once. */
  readonly set: (aheadSeconds: number) => void;
}

/** A clock so many seconds ahead of the machine's. */
export function fakeClock(t: TestContext, aheadSeconds: number): FakeClock {
  return fakeClockAt(join(temporaryDirectory(t), 'clock'), aheadSeconds);
}

/** A clock that stands in a file at `path`. */
export function fakeClockAt(path: string, aheadSeconds: number): FakeClock {
  const set = (ahead: number): void => writeFileSync(path, `${ahead < 0 ? '' : '+'}${ahead}`);
  set(aheadSeconds);
  const environment = {
    LD_PRELOAD: library ?? '',
    FAKETIME_TIMESTAMP_FILE: path,
    // Otherwise the file is looked at every 10 s.
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { environment, set };
}
