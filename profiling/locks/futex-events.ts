/** Entries into the futex system call with their stacks, and exits out of it, from what perf has recorded of them. */
import type { PerfFrame, PerfLost, PerfSample } from '../capture/perf-script.ts';

export interface FutexEnter {
  readonly kind: 'enter';
  readonly pid: number;
  readonly tid: number;
  readonly timeUs: number;
  /** The futex word, as text. */
  readonly address: string;
  readonly operation: number;
  /** Leaf first. */
  readonly frames: readonly PerfFrame[];
}

export interface FutexExit {
  readonly kind: 'exit';
  readonly pid: number;
  readonly tid: number;
  readonly timeUs: number;
}

export type FutexEvent = FutexEnter | FutexExit | PerfLost;

const futexCall = /^(?:\d+\s+)?syscalls:sys_(enter|exit)_futex:\s*(.*)$/;

/** Undefined where it is about something else. */
export function futexEvent(event: PerfSample | PerfLost): FutexEvent | undefined {
  if (event.kind === 'lost') return event;
  const [, kind, fields = ''] = futexCall.exec(event.event) ?? [];
  if (kind === undefined) return undefined;
  const { pid, tid, timeUs, frames } = event;
  if (kind === 'exit') return { kind, pid, tid, timeUs };
  const address = /\buaddr: (0x[0-9a-f]+)/.exec(fields)?.[1] ?? '';
  const operation = Number(/\bop: (0x[0-9a-f]+)/.exec(fields)?.[1] ?? Number.NaN);
  return { kind: 'enter', pid, tid, timeUs, address, operation, frames };
}
