/**
 * `/v0/backup` and `/v0/restore`: the records of a cluster as its replicas hold them, for those who prove the cluster secret.
 *
 * `GET /v0/backup[?start=K]` streams the newest record of each key of the cluster as entries (src/formats/range-format.ts),
 * tombstones and expired ones included, and ends as a range does. `POST /v0/restore` takes such entries and has the replicas of
 * each key merge it as a repair: with the version that it has, so that what is newer stays. It answers when a majority of
 * each record's replicas holds it or something newer.
 */
import { Buffer } from 'node:buffer';
import type { Key } from '../domain/key.ts';
import { entriesIn, type BackupEntry } from '../formats/backup.ts';
import { hasSoundHeader, headerBytesOf } from '../formats/record.ts';
import { otherMethod } from './methods.ts';
import { retryAfter } from './outcome.ts';
import { problemResponse } from './problem.ts';
import { isProblem, parameterRefusal, parseKey, splitQuery, type QueryProblem } from './query-parts.ts';
import type { RangeHandler } from './range.ts';
import type { Request } from './request.ts';
import type { Restores } from './restore.ts';
import type { SecretGuard } from './secret-guard.ts';

const BACKUP = '/v0/backup';
const RESTORE = '/v0/restore';
export const backupPaths: readonly string[] = [BACKUP, RESTORE];

export interface BackupLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
}

export interface BackupParts {
  readonly guard: SecretGuard;
  readonly range: RangeHandler;
  readonly restores: Restores;
  readonly limits: BackupLimits;
}

/** What `POST /v0/restore` takes at a time besides one record of any length. */
const BODY_BYTES_MIN = 1024 * 1024;
/** Bytes of an entry besides its value, at most: its head, its record's header and expiry. */
const ENTRY_SLACK_BYTES = 64;
/** No key stands before it. */
const lowestKey: Key = Buffer.of(0);

export class BackupHandler {
  readonly #parts: BackupParts;

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  /** Handles a request whose path is one of `backupPaths`; one that `isAdmin` needs no proof of the secret. */
  handle(request: Request, path: string, query: string, isAdmin = false): void {
    const { head, reply } = request;
    const methods = path === BACKUP ? ['GET', 'HEAD'] : ['POST'];
    if (!methods.includes(head.method)) return reply.send(otherMethod(methods, head.method));
    const refusal = isAdmin ? undefined : this.#parts.guard.refusal(head, performance.now());
    if (refusal !== undefined) return reply.send(refusal);
    return path === BACKUP ? this.#backup(request, query) : this.#restore(request, query);
  }

  #backup(request: Request, query: string): void {
    const start = parseStart(query, this.#parts.limits.keyBytesMax);
    if ('problem' in start) return request.reply.send(problemResponse(start.problem, start.detail));
    const asked = { start, end: undefined, limit: undefined, keysOnly: false, cluster: true, tail: false };
    return this.#parts.range.stream(request, asked, 'records');
  }

  #restore(request: Request, query: string): void {
    const { restores, limits } = this.#parts;
    const { reply } = request;
    const refusal = parameterRefusal(query);
    if (refusal !== undefined) return reply.send(refusal);
    if (!restores.hasRoom) {
      return reply.send(problemResponse('overloaded', 'Too many restores at once; nothing was done', retryAfter));
    }
    const bytesMax = Math.max(BODY_BYTES_MIN, limits.keyBytesMax + limits.valueBytesMax + ENTRY_SLACK_BYTES);
    const end = restores.begin();
    request.takeBody(bytesMax, (body) => {
      if (body === 'too-large') reply.send(problemResponse('value-too-large', `At most ${bytesMax} bytes at a time`));
      const entries = typeof body === 'string' ? [] : this.#entriesIn(body);
      if (typeof body === 'string') return end();
      if (typeof entries === 'string') {
        reply.send(problemResponse('bad-request', `${entries}; nothing was done`));
        return end();
      }
      return restores.restore(request, entries, end);
    });
  }

  /** What a body has, in memory of its own; or why it cannot be taken. */
  #entriesIn(body: Buffer): readonly BackupEntry[] | string {
    const entries = entriesIn(Buffer.from(body));
    if (entries === undefined || entries.length === 0) return 'The body has no records, or some that do not parse';
    const { keyBytesMax, valueBytesMax } = this.#parts.limits;
    for (const { key, record } of entries) {
      const name = JSON.stringify(key.toString().slice(0, 64));
      if (!hasSoundHeader(record, 0, record.length)) return `The record of key ${name} is none`;
      if (key.length > keyBytesMax) return `Key ${name} has ${key.length} bytes, over keyBytesMax`;
      const valueBytes = record.length - headerBytesOf(record, 0);
      if (valueBytes > valueBytesMax) return `The value of key ${name} has ${valueBytes} bytes, over valueBytesMax`;
    }
    return entries;
  }
}

function parseStart(query: string, keyBytesMax: number): Key | QueryProblem {
  const raw = splitQuery(query, ['start'], () => 'bad-parameter');
  if (isProblem(raw)) return raw;
  if (raw.start === undefined) return lowestKey;
  return parseKey({ name: 'start', text: raw.start, problem: 'bad-parameter' }, keyBytesMax);
}
