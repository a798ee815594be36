/** What a worker says in the node's log. */
import type { LogLevel } from '../src/diagnostics/log.ts';
import type { WorkerMessage } from '../src/protocol/workers.ts';
import type { Replayed } from './store/writer-protocol.ts';

type Send = (message: WorkerMessage) => void;

/** Says what the start found in the log, if it found anything. */
export function logReplay(send: Send, { records, seconds, damage, logs }: Replayed): void {
  const fields = { records, seconds: Math.round(seconds * 1000) / 1000 };
  if (damage !== undefined) log(send, 'error', 'the log was damaged, and what could not be read is gone', { damage });
  if (records > 0) log(send, 'info', 'the log was replayed', fields);
  const isFull = logs.some(({ waiting }) => waiting.length > 0);
  if (isFull) log(send, 'warn', 'the disk is full: the log waits for room in the store', {});
}

export function log(send: Send, level: LogLevel, message: string, fields: Record<string, unknown>): void {
  send({ kind: 'log', level, message, fields });
}
