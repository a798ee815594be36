/**
 * `kvorum backup`: the newest version of every key of a cluster in one file, deletions and expiries included.
 *
 * The node streams them in the order of their keys; a stream that ends early (a range has a time limit, a node may stop) is gone
 * on with behind the last whole record. A key is as new as when it was read: the file is no snapshot of one moment.
 */
import { Buffer } from 'node:buffer';
import { setTimeout } from 'node:timers/promises';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { BackupWriter, isWhole, type BackupEntry } from '../formats/backup.ts';
import { fieldOf, listFieldOf, parseJson } from '../formats/foreign-json.ts';
import { RangeEntryReader } from '../formats/range-entries.ts';
import {
  openAdminClient,
  reportNotDone,
  secretOf,
  secretOption,
  textOf,
  type AdminAnswer,
  type AdminClient,
} from './admin-client.ts';
import { describeAmount, openTarget, Progress, verifyBackup, type BackupTarget } from './backup-file.ts';
import { clientOptions, reportUnreachable, type Unreachable } from './client.ts';
import type { Command, Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice, writeResult } from './output.ts';
import { isQuorumAtRisk } from './status-quorum.ts';

export const backupCommand: Command = {
  name: 'backup',
  summary: 'Write all keys of a cluster to a file',
  usage: 'FILE [options]',
  details:
    'The newest version of each key, deletions and expiries included, each as of the moment when it was read. - is stdout. The ' +
    'file has its name only when it is whole. Exit code 4: too many nodes are down or recovering for it to be complete.',
  positionals: { min: 1, max: 1 },
  options: [
    { flag: 'verify', about: 'Read a backup and say whether it is whole; asks no node' },
    secretOption,
    ...clientOptions,
  ],
  examples: [
    'kvorum backup monday.kvorum --data data',
    'kvorum backup - --data data | gzip > monday.kvorum.gz',
    'kvorum backup --verify monday.kvorum',
  ],
  run: ({ flags, ...rest }) => (flags.get('verify') === true ? verify({ flags, ...rest }) : backup({ flags, ...rest })),
};

/** A block of small records. */
const BLOCK_BYTES = 256 * 1024;
/** Between two tries to go on, milliseconds, and how many in a row may bring nothing. */
const AGAIN_MS = 500;
const FRUITLESS_MAX = 10;

async function verify({ positionals: [path = ''] }: Invocation): Promise<ExitCode> {
  const { beganAtMs, counts } = await verifyBackup(path);
  const at = new Date(beganAtMs).toISOString();
  await writeResult(printable(`${path} is whole: ${describeAmount(counts.entries, counts.bytes)}, begun ${at}\n`));
  return exitCodes.ok;
}

// `return await` below: the client and the file must stay open until all is written.

async function backup({ flags, positionals: [path = ''], environment }: Invocation): Promise<ExitCode> {
  await using client = await openAdminClient(flags, environment, secretOf(flags, environment));
  const shortage = await whyIncomplete(client);
  if (typeof shortage === 'object') return reportUnreachable(shortage, client);
  if (shortage !== undefined) {
    writeNotice(printable(`kvorum: ${client.url} cannot give a complete backup: ${shortage}`));
    return exitCodes.quorumNotMet;
  }
  await using target = await openTarget(path);
  const writer = new BackupWriter();
  await target.write([writer.header(Date.now())]);
  const run = new Run(writer, target);
  for (let fruitless = 0; ;) {
    const before = run.records;
    const answer = await client.prove({ method: 'GET', path: `/v0/backup${run.start}` });
    const end = answer.kind === 'answered' && answer.status === 200 ? await run.read(answer) : answer;
    if (end.kind === 'whole') break;
    fruitless = run.records > before ? 0 : fruitless + 1;
    if (fruitless > FRUITLESS_MAX || !isPassing(end)) return await reportEnd(end, client);
    await setTimeout(AGAIN_MS);
  }
  await run.finish();
  const { entries, bytes } = writer.counts;
  await target.keep();
  writeNotice(printable(`kvorum: Backed up ${describeAmount(entries, bytes)} to ${path}`));
  return exitCodes.ok;
}

/** How one answer ended. */
type End = { readonly kind: 'whole' } | { readonly kind: 'broke-off'; readonly why: string };
type NotWhole = Exclude<End, { kind: 'whole' }> | AdminAnswer | Unreachable;

/** Whether it may go better the next time: the stream ended early, the node is overloaded, or away for a moment. */
function isPassing(end: NotWhole): boolean {
  return end.kind !== 'answered' || end.status === 503;
}

async function reportEnd(end: NotWhole, client: AdminClient): Promise<ExitCode> {
  if (end.kind !== 'broke-off') return reportNotDone(end, client);
  writeNotice(printable(`kvorum: ${client.url} broke off: ${end.why}`));
  return end.why.startsWith('not-enough-replicas') ? exitCodes.quorumNotMet : exitCodes.failure;
}

/** Why the cluster's nodes may not have every acknowledged write between them now; undefined where they have. */
async function whyIncomplete(client: AdminClient): Promise<string | Unreachable | undefined> {
  const answer = await client.request({ method: 'GET', path: '/v0/status' });
  if (answer.kind === 'unreachable') return answer;
  const quorum = fieldOf(parseJson(await textOf(answer)), 'quorum');
  const notes = listFieldOf(quorum, 'notes').map(String);
  if (fieldOf(fieldOf(quorum, 'reads'), 'state') === 'stopped') return notes.join('; ');
  if (isQuorumAtRisk({ quorum })) for (const note of notes) writeNotice(printable(`kvorum: ${note}`));
  return undefined;
}

/** What has been written so far. */
class Run {
  records = 0;
  readonly #writer: BackupWriter;
  readonly #target: BackupTarget;
  readonly #progress = new Progress('Backed up');
  #entries: BackupEntry[] = [];
  #bytes = 0;
  #lastKey: Buffer | undefined;

  constructor(writer: BackupWriter, target: BackupTarget) {
    this.#writer = writer;
    this.#target = target;
  }

  /** The query that goes on with the last record, which comes again: behind it a key could be too long to be asked for. */
  get start(): string {
    const last = this.#lastKey;
    return last === undefined ? '' : `?start=${percentEncoded(last)}`;
  }

  /** Reads an answer to its end; `whole` where nothing follows it. Throws `corrupt-frame`. */
  async read(answer: AdminAnswer): Promise<End> {
    const reader = new RangeEntryReader();
    const taking = new EntryTaker(reader);
    try {
      for await (const bytes of answer.body) {
        reader.push(Buffer.from(bytes));
        for (let entry = taking.next(); entry !== undefined; entry = taking.next()) await this.#add(entry);
      }
    } catch (error) {
      if (error instanceof KvorumError) throw error;
      return { kind: 'broke-off', why: messageOf(error) };
    }
    const broken = answer.trailers['kvorum-error'];
    if (broken !== undefined) return { kind: 'broke-off', why: String(broken) };
    return taking.isBetween ? { kind: 'whole' } : { kind: 'broke-off', why: 'a record broke off' };
  }

  /** Writes what waits, and the end. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#target.write([this.#writer.end()]);
  }

  async #add(entry: BackupEntry): Promise<void> {
    if (this.#lastKey?.equals(entry.key) === true) return;
    if (!isWhole(entry)) {
      const name = JSON.stringify(entry.key.toString());
      throw new KvorumError('corrupt-frame', `The record of key ${name} fails its checksum`);
    }
    this.records++;
    this.#lastKey = entry.key;
    this.#entries.push(entry);
    this.#bytes += entry.key.length + entry.record.length;
    if (this.#bytes >= BLOCK_BYTES) await this.#flush();
    this.#progress.tell(this.records, this.#writer.counts.bytes);
  }

  async #flush(): Promise<void> {
    if (this.#entries.length > 0) await this.#target.write(this.#writer.block(this.#entries));
    this.#entries = [];
    this.#bytes = 0;
  }
}

/** Entries in memory of their own, out of a reader that shows views and the pieces of large values. */
class EntryTaker {
  readonly #reader: RangeEntryReader;
  /** A large record of which pieces are missing. */
  #large: { readonly entry: BackupEntry; at: number } | undefined;

  constructor(reader: RangeEntryReader) {
    this.#reader = reader;
  }

  /** Whether nothing of an entry is left over. */
  get isBetween(): boolean {
    return this.#large === undefined && this.#reader.isEmpty;
  }

  next(): BackupEntry | undefined {
    if (this.#large === undefined) {
      if (!this.#reader.next()) return undefined;
      const { key, keyStart, keyEnd, bytes, offset, length, recordBytes } = this.#reader.entry;
      const record = Buffer.alloc(recordBytes);
      bytes.copy(record, 0, offset, offset + length);
      const entry = { key: Buffer.from(key.subarray(keyStart, keyEnd)), record };
      if (!this.#reader.isLarge) return entry;
      this.#large = { entry, at: length };
    }
    const { entry } = this.#large;
    for (let piece = this.#reader.takeValue(); piece !== undefined; piece = this.#reader.takeValue()) {
      this.#large.at += piece.copy(entry.record, this.#large.at);
    }
    if (this.#large.at < entry.record.length) return undefined;
    this.#large = undefined;
    return entry;
  }
}

function percentEncoded(key: Buffer): string {
  return encodeURIComponent(key.toString());
}
