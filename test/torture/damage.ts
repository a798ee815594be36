/**
 * Thousands of flipped bytes in the store of one node of three: no wrong byte is ever served, by whichever node is asked, and
 * in the end the node holds again what the others hold. Bytes are flipped inside of records: LMDB's own pages have no checksums, so
 * damage to them ends the node.
 */
import { Buffer } from 'node:buffer';
import { isIntact } from '../../src/formats/record.ts';
import { seededRandom } from '../../profiling/load/random.ts';
import { startCluster, type ClusterOwner } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { withDatabase } from '../support/stored-records.ts';
import { sameContents } from './sameness.ts';

export interface DamageOptions {
  readonly seed: number;
  readonly flips: number;
}

export interface DamageResult {
  readonly keys: number;
  /** Records that a flip has damaged. */
  readonly damaged: number;
  /** Reads while damage was mended: answered rightly, refused, and those with bytes that nobody wrote, in words. */
  readonly right: number;
  readonly refused: number;
  readonly wrong: readonly string[];
  /** From the node's start until it held what the others hold. */
  readonly seconds: number;
  /** Records that were damaged at the end. */
  readonly left: number;
}

const KEYS = 12_000;
const AT_ONCE = 64;
const MEND_MS_MAX = 600_000;
const flags = ['--workers', '2', '--repair-interval-ms', '1s', '--timeout-ms', '5s'];

/** Damages the second node of a cluster that ends with `owner`. */
export async function testDamage(owner: ClusterOwner, { seed, flips }: DamageOptions): Promise<DamageResult> {
  const cluster = await startCluster(owner, { nodes: 3, flags });
  const keys = Array.from({ length: KEYS }, (_, index) => `key ${index}`);
  await inTurns(keys, async (key) => {
    await eventually(async () => {
      const { status } = await cluster.put(0, key, valueOf(key));
      if (status !== 201) throw new Error(`PUT ${key}: ${status}`);
    });
  });
  await cluster.stop(1);
  const { dataDirectory } = cluster.node(1);
  const damaged = await flip(dataDirectory, seededRandom(seed), flips);
  await cluster.start(1);
  const started = performance.now();
  const reads = { right: 0, refused: 0, wrong: [] as string[] };
  for (const node of [1, 0]) {
    await inTurns(keys, async (key) => {
      const { status, body } = await cluster.get(node, key);
      if (status >= 500) reads.refused++;
      else if (status === 200 && body.toString() === valueOf(key)) reads.right++;
      else reads.wrong.push(`GET ${key} from node ${node}: ${status} ${body.toString().slice(0, 80)}`);
    });
  }
  await eventually(() => sameContents(cluster.nodes.map(({ url }) => ({ url, front: url }))), MEND_MS_MAX);
  const seconds = (performance.now() - started) / 1000;
  await cluster.stop(1);
  return { keys: KEYS, damaged, ...reads, seconds, left: await countDamaged(dataDirectory) };
}

function valueOf(key: string): string {
  return `value of ${key}, `.repeat(10);
}

async function inTurns(keys: readonly string[], work: (key: string) => Promise<void>): Promise<void> {
  for (let at = 0; at < keys.length; at += AT_ONCE) await Promise.all(keys.slice(at, at + AT_ONCE).map(work));
}

/** Flips bytes of records of a stopped node; returns how many records are damaged then. */
async function flip(directory: string, next: () => number, flips: number): Promise<number> {
  await withDatabase(directory, 'records', (database) => {
    const keys = Array.from(database.getKeys(), (key) => Buffer.from(key));
    database.transactionSync(() => {
      for (let flipped = 0; flipped < flips; flipped++) {
        const key = keys[Math.floor(next() * keys.length)] as Buffer;
        const record = Buffer.from(database.get(key) as Buffer);
        const at = Math.floor(next() * record.length);
        record[at] = (record[at] as number) ^ (1 + Math.floor(next() * 255));
        database.putSync(key, record);
      }
    });
  });
  return countDamaged(directory);
}

function countDamaged(directory: string): Promise<number> {
  return withDatabase(directory, 'records', (database) => {
    let count = 0;
    for (const { key, value } of database.getRange()) {
      const record = Buffer.from(value);
      if (!isIntact(record, 0, record.length, Buffer.from(key))) count++;
    }
    return count;
  });
}
