/**
 * A peer that has the secret and asks whatever it likes, over HTTP and over a link: what is wrong fails by itself, and the
 * node goes on.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import {
  allocateFrame,
  ENTRY_HEADER_BYTES,
  entryBytes,
  valueOffset,
  writeRead,
  writeWrite,
} from '../../src/formats/frame.ts';
import { messageKinds, OutgoingMessage, PIECE_HEADER_BYTES } from '../../src/formats/link-message.ts';
import { operationKinds, replyCodes, type ReplyCode } from '../../src/formats/codes.ts';
import { recordKinds, type RecordKind } from '../../src/formats/record.ts';
import { readReplies } from '../../src/formats/reply.ts';
import { linkProtocol, replicaPaths, seenField } from '../../src/protocol/nodes.ts';
import { ask } from '../support/client.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { goesOn, hostilePieces } from '../support/hostile-bytes.ts';
import { connectAsPeer, peerAgent, replicaPortOf, type ReplicaPort } from '../support/peer.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { seededRandom, type Random } from '../support/random.ts';
import { RawConnection } from '../support/raw-http.ts';

const secret = 'correct horse';
const valueBytesMax = 300 * 1024;
const flags = ['--cluster-secret', secret, '--value-bytes-max', `${valueBytesMax}`];
const { applied, failed, record, refusedClock } = replyCodes;
const FUZZ_CASES = 2000;

interface WriteFields {
  readonly key?: string | Buffer;
  readonly value?: Buffer;
  readonly version?: number;
  readonly kind?: number;
  readonly acks?: number;
}

/** A write with a right checksum, whatever else is wrong with it. */
function write({
  key = 'key',
  value = Buffer.from('v'),
  version,
  kind = recordKinds.value,
  acks = 1,
}: WriteFields = {}) {
  const bytes = Buffer.from(key);
  const entry = allocateFrame(entryBytes(bytes.length, value.length));
  entry.set(value, valueOffset(0, bytes.length));
  const head = { tag: 0, kind: operationKinds.write, quorum: { acksRequired: acks, replicaCount: 1 } };
  const stamp = { version: version ?? Date.now() * 1000, nodeId: 1, kind: kind as RecordKind };
  writeWrite(entry, 0, head, bytes, { stamp, valueBytes: value.length });
  return entry;
}

function read(key: string | Buffer): Buffer {
  const bytes = Buffer.from(key);
  const entry = allocateFrame(entryBytes(bytes.length, undefined));
  const head = { tag: 0, kind: operationKinds.read, quorum: { acksRequired: 1, replicaCount: 1 } };
  writeRead(entry, 0, head, bytes);
  return entry;
}

function patched(entry: Buffer, at: number, ...bytes: number[]): Buffer {
  entry.set(bytes, at);
  return entry;
}

/** Entries that fail by themselves. */
const hostileEntries: readonly (readonly [what: string, make: () => Buffer])[] = [
  ['a key of 1,979 bytes', () => write({ key: 'k'.repeat(1979) })],
  ['a key of 1,025 bytes', () => write({ key: 'k'.repeat(1025) })],
  ['a key of 65,535 bytes', () => write({ key: 'k'.repeat(65_535) })],
  ['no key', () => write({ key: '' })],
  ['a key that is not UTF-8', () => write({ key: Buffer.from([0xff, 0xfe]) })],
  ['a read of a key of 1,979 bytes', () => read('k'.repeat(1979))],
  ['a whole read of a key of 1,979 bytes', () => patched(read('k'.repeat(1979)), 11, 1)],
  ['a read of no key', () => read('')],
  ['a version that is no number', () => write({ version: Number.NaN })],
  ['a negative version', () => write({ version: -1 })],
  ['half a version', () => write({ version: Date.now() * 1000 + 0.5 })],
  ['a version of 2^53', () => write({ version: 2 ** 53 })],
  ['an endless version', () => write({ version: Number.POSITIVE_INFINITY })],
  ['a version of last year', () => write({ version: (Date.now() - 365 * 86_400_000) * 1000 })],
  ['a version of next year', () => write({ version: (Date.now() + 365 * 86_400_000) * 1000 })],
  ['the kind 0', () => patched(write(), 8, 0)],
  ['the kind 3', () => patched(write(), 8, 3)],
  ['a write that is called a read', () => patched(write(), 8, operationKinds.read)],
  ['a read that is called a write', () => patched(read('key'), 8, operationKinds.write)],
  ['a key past the end of the entry', () => patched(write(), 12, 0xff, 0xff)],
  ['a wrong checksum', () => patched(write(), ENTRY_HEADER_BYTES + 3, 1, 2, 3, 4)],
  ['a record of another kind', () => write({ kind: 2 })],
  ['a tombstone with a value', () => write({ kind: recordKinds.tombstone })],
  ['a value over the bound', () => write({ value: Buffer.alloc(valueBytesMax + 1) })],
  ['a large value among others', () => write({ value: Buffer.alloc(200 * 1024) })],
  ['a quorum of none', () => write({ acks: 0 })],
  ['a quorum of more than there are', () => write({ acks: 2 })],
];

/** Entries that make their frame unreadable. */
const hostileFrames: readonly (readonly [what: string, frame: Buffer])[] = [
  ['a frame cut in its value', write({ value: Buffer.alloc(100) }).subarray(0, -50)],
  ['a frame cut in its head', Buffer.concat([write(), write().subarray(0, 9)])],
  ['an entry of no length', patched(write(), 0, 0, 0, 0, 0)],
  ['an entry shorter than its head', patched(write(), 0, 13, 0, 0, 0)],
  ['an entry of 4 GiB', patched(write(), 0, 0xff, 0xff, 0xff, 0xff)],
  ['noise', Buffer.alloc(1000, 0xaa)],
];

/** Sends a frame as a peer; resolves to the replies, or undefined where the frame is refused. */
type SendFrame = (frame: Buffer) => Promise<Buffer | undefined>;

interface Target {
  readonly cluster: Cluster;
  readonly peer: ReplicaPort;
}

async function targetOf(cluster: Cluster): Promise<Target> {
  return { cluster, peer: await replicaPortOf(cluster.node(0).url, secret) };
}

function overHttp(t: TestContext, { peer }: Target): SendFrame {
  const agent = peerAgent(peer);
  t.after(() => agent.destroy());
  return async (body) => {
    const answer = await ask(peer.origin, replicaPaths.operations, {
      method: 'POST',
      body,
      agent,
      headers: { [seenField]: '0 1' },
    });
    assert.ok([200, 400].includes(answer.status), `${answer.status} ${answer.body.toString()}`);
    return answer.status === 200 ? answer.body : undefined;
  };
}

async function openLink(t: TestContext, { peer }: Target): Promise<RawConnection> {
  const link = RawConnection.over(t, await connectAsPeer(peer));
  const fields = `host: a\r\nconnection: upgrade\r\nupgrade: ${linkProtocol}`;
  link.send(`GET ${replicaPaths.link} HTTP/1.1\r\n${fields}\r\n\r\n`);
  assert.equal((await link.answer()).status, 101);
  return link;
}

async function overLink(t: TestContext, target: Target): Promise<SendFrame> {
  const link = await openLink(t, target);
  return async (body) => {
    const question = new OutgoingMessage({
      number: 1,
      kind: messageKinds.question,
      durations: '',
      body,
      newest: 0,
      start: 0,
    });
    while (question.left > 0) link.send(question.next(64 * 1024));
    const header = await link.take(PIECE_HEADER_BYTES);
    assert.equal(header.readUInt32LE(4), header.readUInt32LE(8), 'the answer is in one piece');
    const answer = await link.take(header.readUInt32LE(8));
    return header[12] === messageKinds.answer ? answer : undefined;
  };
}

const senders: Record<string, (t: TestContext, target: Target) => SendFrame | Promise<SendFrame>> = {
  HTTP: overHttp,
  'a link': overLink,
};

function codesOf(replies: Buffer | undefined): ReplyCode[] | undefined {
  return replies === undefined ? undefined : readReplies(replies).map(({ code }) => code);
}

const refusedForTheirClock = new Set(['a version of last year', 'a version of next year']);

test('a peer that asks what it may not', async (t) => {
  const cluster = await startCluster(t, { nodes: 1, durability: 'commit', flags });
  const target = await targetOf(cluster);
  const { pid } = cluster.node(0);

  for (const [how, open] of Object.entries(senders)) {
    await t.test(`over ${how}: a hostile entry fails, alone and beside others, which are executed`, async (sub) => {
      const send = await open(sub, target);
      for (const [what, make] of hostileEntries) {
        const beside = Buffer.concat([write({ key: 'beside' }), make(), read('beside')]);
        const refusal = refusedForTheirClock.has(what) ? refusedClock : failed;
        assert.deepEqual(codesOf(await send(beside)), [applied, refusal, record], what);
        if (what === 'a large value among others') continue;
        assert.deepEqual(codesOf(await send(make())), [refusal], `${what}, alone`);
      }
      await goesOn(target.cluster, pid);
    });

    await t.test(`over ${how}: a frame that cannot be read is refused, and the next one is executed`, async (sub) => {
      const send = await open(sub, target);
      for (const [what, frame] of hostileFrames) {
        assert.equal(await send(frame), undefined, what);
        if (how === 'HTTP') assert.deepEqual(codesOf(await send(write())), [applied], what);
      }
      assert.deepEqual(codesOf(await send(write())), [applied]);
      await goesOn(target.cluster, pid);
    });

    await t.test(
      `over ${how}: ${FUZZ_CASES} frames with random faults are refused or answered entry by entry`,
      async (sub) => {
        const random = seededRandom(sub);
        const send = await open(sub, target);
        for (let count = 0; count < FUZZ_CASES; count++) {
          const frame = mutated(random);
          const replies = await send(frame).catch((error: unknown) => {
            assert.fail(`case ${count}, ${frame.toString('base64').slice(0, 400)}: ${String(error)}`);
          });
          const entries = entriesByLength(frame);
          assert.equal(codesOf(replies)?.length, entries, `case ${count}, ${frame.toString('base64').slice(0, 400)}`);
        }
        await goesOn(target.cluster, pid);
      },
    );
  }

  await t.test('over a link: what is no message ends that link and no other', async (sub) => {
    const good = await overLink(sub, target);
    for (const [what, bytes] of hostilePieces) {
      const link = await openLink(sub, target);
      link.send(bytes);
      await link.closed();
      assert.deepEqual(codesOf(await good(write())), [applied], what);
    }
    await goesOn(target.cluster, pid);
  });

  await t.test('in other requests: bodies that say nothing, say too much or end early', async (sub) => {
    const agent = peerAgent(target.peer);
    sub.after(() => agent.destroy());
    const post = (path: string, body: string | Buffer): Promise<number> =>
      ask(target.peer.origin, path, { method: 'POST', body, agent }).then(({ status }) => status);
    for (const body of ['', 'http://a', '\0', Buffer.alloc(2048, 0xff)]) {
      assert.equal(await post(replicaPaths.hello, body), 204);
    }
    assert.equal(await post(replicaPaths.hello, Buffer.alloc(2049)), 413);
    for (const bounds of ['', '{', 'null', '[]', '1', '['.repeat(8000), '{}', ...hostileRanges]) {
      assert.equal(await post(replicaPaths.range, bounds), 400, bounds.slice(0, 100));
    }
    assert.equal(await post(replicaPaths.range, rangeOf('k'.repeat(1024), 'k'.repeat(1024))), 200);
    assert.equal(await post(replicaPaths.range, Buffer.alloc(8193)), 413);
    for (const wish of [
      '',
      '{',
      'null',
      '[]',
      '{"asker":"a","buckets":null}',
      '{"asker":1,"buckets":"AA=="}',
      '{"asker":1}',
    ]) {
      assert.equal(await post(replicaPaths.digests, wish), 503, wish);
    }
    assert.equal(await post(replicaPaths.digests, '{"asker":1,"buckets":null}'), 503, 'no such peer');
    assert.equal(await post(replicaPaths.digests, Buffer.alloc(1025)), 413);
    for (const length of ['99999999999', '1e3', '-1', '50']) {
      const connection = RawConnection.over(sub, await connectAsPeer(target.peer));
      const fields = `host: a\r\n${seenField}: 0 1\r\ncontent-length: ${length}`;
      connection.send(`POST ${replicaPaths.operations} HTTP/1.1\r\n${fields}\r\n\r\nabc`);
      if (length === '50') connection.close();
      else await connection.closed();
    }
    await goesOn(target.cluster, pid);
  });

  await t.test('is counted, and told in the log', async () => {
    assert.ok((await metricTotal(cluster.node(0).url, 'kvorum_peer_refusals_total')) > 100);
    assert.ok(cluster.node(0).logs.some(({ message }) => message === 'refused what a peer sent'));
  });
});

/** How many entries a frame has by its lengths; undefined where those are impossible. */
function entriesByLength(frame: Buffer): number | undefined {
  let count = 0;
  for (let at = 0; at < frame.length; count++) {
    if (frame.length - at < ENTRY_HEADER_BYTES) return undefined;
    const length = frame.readUInt32LE(at);
    if (length < ENTRY_HEADER_BYTES || at + length > frame.length) return undefined;
    at += length;
  }
  return count;
}

/** A frame of a few entries, one of them with fields at their extremes and a right checksum, then perhaps damaged. */
function mutated(random: Random): Buffer {
  const pick = <Item>(items: readonly Item[]): Item => items[random.below(items.length)] as Item;
  const key = 'k'.repeat(pick([0, 1, 2, 24, 1023, 1024, 1025, 1900, 1978, 1979, 2048, 4096, 65_535]));
  const version = pick([undefined, undefined, 0, -0, -1, 0.5, 2 ** 53, -Infinity, Infinity, Number.NaN, 5e-324]);
  const fields = {
    key,
    kind: pick([0, 1, 2, 255]),
    value: Buffer.alloc(pick([0, 1, 500, 140_000])),
    acks: random.below(3),
  };
  const made = pick([() => read(key), () => write(version === undefined ? fields : { ...fields, version })])();
  const frame = Buffer.concat([write(), made, read('key')]);
  const mutation = random.below(5);
  if (mutation === 0) return frame;
  if (mutation === 1) return frame.subarray(0, 1 + random.below(frame.length));
  // Mostly in the heads, where a byte means most.
  const start = mutation === 2 ? 0 : write().length;
  for (let count = 1 + random.below(4); count > 0; count--) {
    frame[start + random.below(mutation === 4 ? frame.length - start : 40)] = pick([
      0,
      1,
      2,
      3,
      0x7f,
      0xff,
      random.below(256),
    ]);
  }
  return frame;
}

function rangeOf(start: string, end: string | null): string {
  const text = (key: string): string => Buffer.from(key).toString('base64');
  return JSON.stringify({ start: text(start), end: end === null ? null : text(end), keysOnly: false });
}

const hostileRanges = [
  rangeOf('', null),
  rangeOf('a', ''),
  rangeOf('k'.repeat(1979), null),
  rangeOf('k'.repeat(1025), null),
  rangeOf('a', 'k'.repeat(1979)),
  JSON.stringify({ start: 7, end: null, keysOnly: true }),
  JSON.stringify({ start: 'YQ==', end: null, keysOnly: true, sharedBy: 7 }),
  JSON.stringify({ start: 'YQ==', end: null, keysOnly: true, sharedBy: 'a', buckets: 'AA==' }),
  JSON.stringify({ start: 'YQ==', end: {}, keysOnly: true }),
];
