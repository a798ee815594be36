/**
 * What of a process's resident memory is its own, and what belongs to files that it maps: LMDB reads its store through a map, so
 * the pages of a large store that are read or written count as resident. They are the kernel's page cache, which takes them back
 * when somebody needs memory; what is anonymous stays.
 */
import { readFileSync } from 'node:fs';
import type { MetricFamily } from './metrics.ts';

export interface ResidentMemory {
  readonly anonymousBytes: number;
  readonly fileBytes: number;
}

/** Out of Linux's `/proc/PID/status`; undefined where it does not say. */
export function parseResidentMemory(status: string): ResidentMemory | undefined {
  const bytesOf = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]);
  const memory = { anonymousBytes: bytesOf('RssAnon'), fileBytes: bytesOf('RssFile') };
  return Number.isNaN(memory.anonymousBytes + memory.fileBytes) ? undefined : memory;
}

/** Without samples where the system does not tell them apart. */
export function residentFamily(): MetricFamily {
  const memory = ownMemory();
  return {
    type: 'gauge',
    name: 'kvorum_resident_bytes',
    help: "Resident memory by kind: anonymous is the node's own, file are mapped pages of the store and of programs (page cache)",
    samples:
      memory === undefined
        ? []
        : [
            { labels: { kind: 'anonymous' }, value: memory.anonymousBytes },
            { labels: { kind: 'file' }, value: memory.fileBytes },
          ],
  };
}

function ownMemory(): ResidentMemory | undefined {
  try {
    return parseResidentMemory(readFileSync('/proc/self/status', 'latin1'));
  } catch {
    return undefined;
  }
}
