/** Where a worker runs, and how it talks to the main thread. */
import type { LogLevel } from '../src/diagnostics/log.ts';
import type { WorkerMessage } from '../src/protocol/workers.ts';
import type { WorkerSettings } from '../src/settings/settings.ts';

/** Where a worker runs, as far as it needs to know. */
export interface WorkerShell {
  readonly settings: WorkerSettings;
  /** 0 on the main thread. */
  readonly threadId: number;
  /** From 0 up to `settings.workers`. */
  readonly index: number;
  /** Whether no other worker of the pool has opened the store before. */
  readonly isFirst: boolean;
}

export type Send = (message: WorkerMessage, transfer?: ArrayBuffer[]) => void;

/** A line of the node's log. */
export function log(send: Send, level: LogLevel, message: string, fields: Record<string, unknown>): void {
  send({ kind: 'log', level, message, fields });
}
