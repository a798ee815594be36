/**
 * Power loss: a store is filled in a process of its own whose system calls are recorded, killed, opened again and closed;
 * of that record disks are made as a power loss at random moments may leave them, and each is opened. See disk-images.ts
 * for what such a disk has, store-driver.ts for what is written.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../../profiling/load/random.ts';
import { DataDirectory } from '../../src/data-directory.ts';
import { entryAt, GROUP_HEADER_BYTES, groupStart } from '../../src/formats/log.ts';
import { isTombstone, readVersion, RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import type { Durability } from '../../src/domain/modes.ts';
import { Store } from '../../workers/store/store.ts';
import { storeOptions } from '../support/store.ts';
import type { Random } from '../support/random.ts';
import { DiskImages } from './disk-images.ts';
import { readRecord, record, type FileCall } from './system-calls.ts';
import { tortureStore, valueOf, type SentWrite } from './values.ts';

export interface PowerLossOptions {
  readonly durability: Durability;
  readonly seed: number;
  readonly images: number;
  /** Syncs of the log do nothing: the control. */
  readonly ignoreLogSyncs?: boolean;
  /** Only this image. */
  readonly only?: number;
}

export interface PowerLossResult {
  readonly images: number;
  readonly acknowledged: number;
  /** Images that are not as they must be: what is wrong, and where the image is kept. */
  readonly failures: readonly { readonly image: number; readonly problem: string; readonly kept: string }[];
  /** The longest time from an acknowledgement to the sync that covers it, seconds. */
  readonly unsyncedSecondsMax: number;
}

interface Mark extends SentWrite {
  /** The moment, as a number of the record's lines. */
  readonly at: number;
  readonly isAcknowledged: boolean;
}

const driver = fileURLToPath(new URL('store-driver.js', import.meta.url));
const BATCHES = 250;
const FAILURES_MAX = 5;
const isLog = (path: string): boolean => path.includes('/log/');

/** Records a store's life and opens disks of it. */
export async function testPowerLoss(options: PowerLossOptions): Promise<PowerLossResult> {
  const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'kvorum-power-'));
  const recorded = recordLife(base, options);
  const { calls, marks } = recorded;
  const directory = join(base, 'node');
  const disk = new DiskImages(calls, directory, options.ignoreLogSyncs === true ? isLog : undefined);
  const expectation = new Expectation(calls, marks, options.durability);
  const random = randomOf(options.seed);
  const moments = Array.from({ length: options.images }, () => momentOf(calls, random)).sort((a, b) => a - b);
  const failures: { image: number; problem: string; kept: string }[] = [];
  for (const [image, moment] of moments.entries()) {
    disk.goTo(moment);
    if (options.only !== undefined && options.only !== image) continue;
    const target = join(base, `image-${image}`);
    disk.write(target, randomOf(options.seed * 1_000_003 + image));
    const problem = await checkImage(target, expectation.at(moment, disk));
    if (problem === undefined) {
      rmSync(target, { recursive: true });
      continue;
    }
    failures.push({ image, problem, kept: target });
    if (failures.length >= FAILURES_MAX) break;
  }
  if (failures.length === 0 || options.ignoreLogSyncs === true) rmSync(base, { recursive: true });
  const acknowledged = marks.filter(({ isAcknowledged }) => isAcknowledged).length;
  return { images: moments.length, acknowledged, failures, unsyncedSecondsMax: recorded.unsyncedSecondsMax };
}

/** Two lives of one store, of which the first ends by a kill and the second in good order. */
function recordLife(base: string, { durability, seed }: PowerLossOptions) {
  const directory = join(base, 'node');
  const file = join(base, 'marks');
  const calls: FileCall[] = [];
  let lines = 0;
  let longest = 0;
  for (const [life, end] of (['killed', 'closed'] as const).entries()) {
    const trace = join(base, 'trace');
    const version = life * 1_000_000;
    const own = { directory, marks: file, durability, seed: seed + life, batches: BATCHES, version, end };
    const { said, code } = record([process.execPath, driver, JSON.stringify(own)], trace);
    assert.ok(end === 'killed' || code === 0, `the store's process ended with ${code}: ${said}`);
    const read = readRecord(trace, base, lines);
    for (const call of read.calls) calls.push(call);
    lines += read.lines;
    longest = Math.max(longest, unsyncedSecondsMax(read.calls));
    rmSync(trace);
  }
  const marks = calls.flatMap((call) => (call.path === file && call.kind === 'write' ? marksOf(call) : []));
  assert.equal(marks.length, readFileSync(file, 'utf8').split('\n').length - 1, 'every mark is in the record');
  return { calls: calls.filter(({ path }) => path.startsWith(directory)), marks, unsyncedSecondsMax: longest };
}

/** The start or the end of a call on the store's files. */
function momentOf(calls: readonly FileCall[], random: Random): number {
  const { start, end } = calls[random.below(calls.length)] as FileCall;
  return end < Infinity && random.below(2) === 0 ? end : start;
}

function marksOf({ bytes, start }: { readonly bytes: Buffer; readonly start: number }): Mark[] {
  const lines = bytes.toString().split('\n').slice(0, -1);
  return lines.map((line) => {
    const [, what, key = '', version, length] = /^([SA]) (key \d+) (\d+) ?(-?\d+)?$/.exec(line) ?? [];
    assert.ok(what !== undefined, `a mark reads ${line}`);
    const valueBytes = length === undefined || length === '-1' ? undefined : Number(length);
    return { key, version: Number(version), valueBytes, at: start, isAcknowledged: what === 'A' };
  });
}

/** What an image must hold and may hold. */
interface Expected {
  /** The least version by key. */
  readonly least: ReadonlyMap<string, number>;
  /** Whatever was sent before the moment, by key and version. */
  readonly sent: ReadonlyMap<string, SentWrite>;
}

class Expectation {
  readonly #marks: readonly Mark[];
  readonly #durability: Durability;
  /** The log's writes by what they hold, "key version". */
  readonly #logged = new Map<string, WriteCall>();
  readonly #sent = new Map<string, SentWrite>();
  readonly #acknowledged: Mark[] = [];
  #done = 0;

  constructor(calls: readonly FileCall[], marks: readonly Mark[], durability: Durability) {
    this.#marks = marks;
    this.#durability = durability;
    for (const call of calls) {
      if (call.kind === 'write' && isLog(call.path))
        for (const name of entriesOf(call.bytes)) this.#logged.set(name, call);
    }
  }

  /**
   * At durability `commit`, of what was acknowledged that counts whose write in the log is on the disk. What is in no group
   * was older than what its key had when it came.
   */
  at(moment: number, disk: DiskImages): Expected {
    for (; (this.#marks[this.#done]?.at ?? Infinity) <= moment; this.#done++) {
      const mark = this.#marks[this.#done] as Mark;
      if (mark.isAcknowledged) this.#acknowledged.push(mark);
      else this.#sent.set(`${mark.key} ${mark.version}`, mark);
    }
    const least = new Map<string, number>();
    for (const { key, version } of this.#acknowledged) {
      const call = this.#logged.get(`${key} ${version}`);
      if (this.#durability === 'commit' && (call === undefined || !disk.isSynced(call))) continue;
      least.set(key, Math.max(version, least.get(key) ?? 0));
    }
    return { least, sent: this.#sent };
  }
}

type WriteCall = Extract<FileCall, { kind: 'write' }>;

/** Key and version of each entry of a group that is written. */
function entriesOf(bytes: Buffer): string[] {
  const names: string[] = [];
  if (bytes.toString('latin1', 0, 4) !== 'KLG1') return names;
  for (let at = groupStart(0) + GROUP_HEADER_BYTES; at < bytes.length;) {
    const { keyStart, keyEnd, end } = entryAt(bytes, at);
    names.push(`${bytes.toString('utf8', keyStart, keyEnd)} ${readVersion(bytes, keyEnd)}`);
    at = end;
  }
  return names;
}

/** Opens an image; says what is wrong with it. */
async function checkImage(directory: string, { least, sent }: Expected): Promise<string | undefined> {
  const problems: string[] = [];
  let store: Store | undefined;
  try {
    DataDirectory.open(directory, 'fsync', 'another boot').close();
    store = await Store.open(storeOptions(directory, tortureStore), {
      onCorrupt: (key) => problems.push(`${key.toString()} fails its checksum`),
      onFatal: (error) => problems.push(String(error)),
    });
    // A crash tears what was not synced; nothing of it may be taken for damage.
    if (store.replayed.damage !== undefined) problems.push(`damage: ${store.replayed.damage}`);
    const keys = new Set([...sent.values()].map(({ key }) => key));
    for (const key of keys) {
      const found = await store.readLarge(Buffer.from(key));
      const problem = found === 'damaged' ? `${key} is damaged` : judge(key, found, { least, sent });
      if (problem !== undefined) problems.push(problem);
    }
  } catch (error) {
    problems.push(String(error));
  } finally {
    await store?.close();
  }
  return problems.length === 0 ? undefined : problems.join('; ');
}

function judge(key: string, found: Buffer | undefined, { least, sent }: Expected): string | undefined {
  const needed = least.get(key) ?? 0;
  if (found === undefined) return needed > 0 ? `${key} ${needed} was acknowledged, nothing is there` : undefined;
  const version = readVersion(found, 0);
  const write = sent.get(`${key} ${version}`);
  if (write === undefined) return `${key} ${version} was never sent`;
  const value = isTombstone(found, 0) ? undefined : found.subarray(RECORD_HEADER_BYTES);
  const isRight = value === undefined ? write.valueBytes === undefined : valueOf(write)?.equals(value);
  if (isRight !== true) return `${key} ${version} has another value`;
  return version < needed ? `${key} ${needed} was acknowledged, ${version} is there` : undefined;
}

/** How long after a group was written the sync began that covers it, at most; groups that none covers do not count. */
function unsyncedSecondsMax(calls: readonly FileCall[]): number {
  const log = calls.filter(({ path }) => isLog(path));
  return log.reduce((most, call, index) => {
    if (call.kind !== 'write' || entriesOf(call.bytes).length === 0) return most;
    const cover = log
      .slice(index)
      .find((one) => one.kind === 'sync' && one.path === call.path && one.start >= call.end);
    return cover === undefined ? most : Math.max(most, cover.time - call.time);
  }, 0);
}

function randomOf(seed: number): Random {
  const next = seededRandom(seed % 2 ** 32);
  return { below: (end) => Math.floor(next() * end) };
}
