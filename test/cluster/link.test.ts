/** The link between nodes: who may open one, what ends it and what does not, and that a cluster serves with it or without. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  LinkReader,
  messageKinds,
  OutgoingMessage,
  PIECE_HEADER_BYTES,
  type LinkMessage,
  type MessageKind,
} from '../../src/formats/link-message.ts';
import { operationKinds, replyCodes } from '../../src/formats/codes.ts';
import { RECORD_HEADER_BYTES } from '../../src/formats/record.ts';
import { readReplies } from '../../src/formats/reply.ts';
import { linkProtocol, replicaPaths } from '../../src/protocol/nodes.ts';
import { encodeOperations } from '../formats/arbitraries.ts';
import type { Answer } from '../support/client.ts';
import { prepareCluster, startCluster, type Cluster } from '../support/cluster.ts';
import { eventually, within } from '../support/eventually.ts';
import { connectAsPeer, replicaPortOf, type ReplicaPort } from '../support/peer.ts';
import { metricTotal } from '../support/prometheus-text.ts';
import { RawConnection } from '../support/raw-http.ts';

const secret = 'correct horse';
const all = { ack: 3, from: 3 };
const two = { ack: 2, from: 3 };
const nodes = [0, 1, 2];
/** Nothing here is about disks. */
const durability = 'commit';

function replicaPort(cluster: Cluster, node: number): Promise<ReplicaPort> {
  return replicaPortOf(cluster.node(node).url, secret);
}

interface Upgrade {
  readonly path?: string;
  readonly to?: string;
}

function upgradeRequest({ path = replicaPaths.link, to = linkProtocol }: Upgrade): string {
  return `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ${to}\r\n\r\n`;
}

/** A connection of a peer that asked to be upgraded, and what this was answered. */
async function upgrade(t: TestContext, peer: ReplicaPort, asked: Upgrade) {
  const connection = RawConnection.over(t, await connectAsPeer(peer));
  connection.send(upgradeRequest(asked));
  return { connection, head: await connection.answer() };
}

async function openLink(t: TestContext, cluster: Cluster, node = 0): Promise<RawConnection> {
  const { connection, head } = await upgrade(t, await replicaPort(cluster, node), {});
  assert.deepEqual([head.status, head.headers.get('upgrade')], [101, linkProtocol]);
  return connection;
}

function message(number: number, body: Buffer, kind: MessageKind = messageKinds.question): Buffer {
  return new OutgoingMessage({ number, kind, durations: '', body, newest: 0, start: 0 }).next(64 * 1024);
}

/** The next message of a link, which came in one piece. */
async function receive(link: RawConnection): Promise<LinkMessage> {
  const header = await link.take(PIECE_HEADER_BYTES);
  const piece = Buffer.concat([header, await link.take(header.readUInt32LE(8))]);
  const messages: LinkMessage[] = [];
  new LinkReader({ bytesMax: piece.length, openMax: 1, openBytesMax: piece.length }).take(piece, (one) =>
    messages.push(one),
  );
  return messages[0] ?? assert.fail('the message is in pieces');
}

function readsOf(...keys: readonly string[]): Buffer {
  const head = { tag: 0, kind: operationKinds.read, quorum: { acksRequired: 1, replicaCount: 1 } };
  return encodeOperations(keys.map((key) => ({ head, key: Buffer.from(key), write: undefined })));
}

async function answersTheQuestion(link: RawConnection, number: number, value: string): Promise<void> {
  link.send(message(number, readsOf('linked', 'absent')));
  const { body, newest, start, ...head } = await receive(link);
  assert.ok(newest > 0 && start > 0);
  assert.deepEqual(head, { number, kind: messageKinds.answer, durations: '' });
  const [found, absent, ...more] = readReplies(body);
  assert.ok(found !== undefined && more.length === 0);
  assert.deepEqual([found.code, absent?.code], [replyCodes.record, replyCodes.absent]);
  assert.equal(body.toString('utf8', found.offset + RECORD_HEADER_BYTES, found.offset + found.length), value);
}

test('the link of a replica port', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, durability, flags: ['--cluster-secret', secret] });
  await allKnowAll(cluster);
  const peer = await replicaPort(cluster, 0);
  assert.equal((await cluster.put(0, 'linked', 'value', all)).status, 201);

  await t.test('is not opened without the proof of the secret', async (sub) => {
    const connection = await RawConnection.open(sub, peer.origin);
    connection.send(upgradeRequest({}));
    assert.equal((await connection.answer()).status, 401);
    await connection.closed();
  });

  await t.test('is not opened on other paths, or to another protocol', async (sub) => {
    const refused: readonly (readonly [number, Upgrade])[] = [
      [404, { path: '/' }],
      [404, { path: replicaPaths.operations }],
      [404, { path: `${replicaPaths.link}/` }],
      [400, { to: 'websocket' }],
      [400, { to: `${linkProtocol}2` }],
    ];
    for (const [status, asked] of refused) {
      const { connection, head } = await upgrade(sub, peer, asked);
      assert.equal(head.status, status, JSON.stringify(asked));
      await connection.closed();
    }
  });

  await t.test('is closed when it is refused, though the client keeps its side open', async (sub) => {
    const socket = connect({ port: peer.port, host: '127.0.0.1', allowHalfOpen: true });
    sub.after(() => socket.destroy());
    socket.on('error', () => {});
    const ended = once(socket.resume(), 'end');
    socket.write(upgradeRequest({}));
    await within(ended, 'the end of the refusal');
    await eventually(() => {
      socket.write('still here');
      assert.ok(socket.destroyed);
    });
  });

  await t.test('answers frames under the number of their question, with durations where asked', async (sub) => {
    const link = await openLink(sub, cluster);
    await answersTheQuestion(link, 0xfffffffe, 'value');
    link.send(message(3, Buffer.alloc(0)));
    const empty = { number: 3, kind: messageKinds.answer, durations: '', body: Buffer.alloc(0) };
    const { newest, start, ...said } = await receive(link);
    assert.deepEqual(said, empty);
    link.send(message(4, readsOf('absent'), messageKinds.questionWithDurations));
    const { number, durations } = await receive(link);
    assert.match(durations, /^\d+(,\d+){5}$/);
    assert.equal(number, 4);

    const eager = RawConnection.over(sub, await connectAsPeer(peer));
    eager.send(Buffer.concat([Buffer.from(upgradeRequest({})), message(3, Buffer.alloc(0))]));
    assert.equal((await eager.answer()).status, 101);
    assert.deepEqual(await receive(eager), { newest, start, ...empty }, 'a question that comes with the request');
  });

  await t.test('refuses what is no frame, by its number, and goes on', async (sub) => {
    const link = await openLink(sub, cluster);
    link.send(message(9, Buffer.from('no frame')));
    const { number, kind, body } = await receive(link);
    assert.deepEqual([number, kind], [9, messageKinds.refusal]);
    assert.match(body.toString(), /^Frame entry at byte 0 /);
    await answersTheQuestion(link, 10, 'value');
  });

  await t.test('is closed by garbage and by answers to nothing; other links and the node go on', async (sub) => {
    const other = await openLink(sub, cluster);
    const losses = (): Promise<number[]> =>
      Promise.all(cluster.nodes.map(({ url }) => metricTotal(url, 'kvorum_peer_failures_total')));
    const before = await losses();
    for (const garbage of [
      Buffer.alloc(200, 0xff),
      Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'),
      Buffer.alloc(PIECE_HEADER_BYTES, 4),
    ]) {
      const link = await openLink(sub, cluster);
      link.send(garbage);
      await link.closed();
    }
    for (const kind of [messageKinds.answer, messageKinds.refusal]) {
      const link = await openLink(sub, cluster);
      link.send(message(1, Buffer.from('unasked'), kind));
      await link.closed();
    }
    await answersTheQuestion(other, 1, 'value');
    assert.equal((await cluster.put(0, 'linked', 'newer', all)).status, 201);
    await answersTheQuestion(other, 2, 'newer');
    assert.deepEqual(await losses(), before, 'no node lost another');
  });

  await t.test('lets small operations by while large values are read', async () => {
    await largeBesideSmall(cluster);
  });

  await t.test('is found again after kill -9 under load, and nothing acknowledged is lost', async () => {
    await killUnderLoad(cluster, 2);
  });

  await t.test('does not keep a node from stopping, nor does an upgrade that was refused', async (sub) => {
    const link = await openLink(sub, cluster);
    await answersTheQuestion(link, 1, 'newer');
    await upgrade(sub, peer, { path: '/' });
    assert.deepEqual(await cluster.stop(0), { code: 0, signal: null });
    await link.closed();
    const mark = readFileSync(join(cluster.node(0).dataDirectory, 'kvorum.json'), 'utf8');
    assert.equal((JSON.parse(mark) as { clean: boolean }).clean, true, 'its workers ended in time');
  });
});

/** Reads large values from all replicas, and from a replica elsewhere, while small operations go through the same links. */
async function largeBesideSmall(cluster: Cluster): Promise<void> {
  const large = randomBytes(8 * 1024 * 1024);
  const quorums = { everywhere: all, once: { ack: 1, from: 1 } };
  for (const [key, quorum] of Object.entries(quorums)) {
    assert.equal((await cluster.put(0, key, large, quorum)).status, 201);
  }
  const stop = keepOn(async (lane, count, agent) => {
    const [key, value] = [`small ${lane}`, `${lane} ${count} `.repeat(count % 50)];
    assert.equal((await cluster.put(lane % 3, key, value, { ...two, agent })).status, 201);
    expectValue(await cluster.get((lane + count) % 3, key, { ...two, agent }), value);
  });
  const agent = new Agent({ keepAlive: true });
  try {
    const reads = nodes.flatMap((node) =>
      Object.entries(quorums).map(([key, quorum]) => cluster.get(node, key, { ...quorum, agent })),
    );
    for (const { status, body } of await Promise.all(reads)) assert.ok(status === 200 && body.equals(large));
  } finally {
    await stop();
    agent.destroy();
  }
}

/** Kills a node while the others serve, and starts it again: they go on, and find it again. */
async function killUnderLoad(cluster: Cluster, victim: number): Promise<void> {
  const acknowledged: string[] = [];
  const survivors = nodes.filter((node) => node !== victim);
  const stop = keepOn(async (lane, count, agent) => {
    const key = `lane ${lane} write ${count}`;
    const { status } = await cluster.put(survivors[lane % 2] as number, key, key, { ...two, agent });
    assert.equal(status, 201);
    acknowledged.push(key);
  });
  const more = async (): Promise<void> => {
    const enough = acknowledged.length + 100;
    await eventually(() => assert.ok(acknowledged.length >= enough));
  };
  try {
    await more();
    await cluster.stop(victim, 'SIGKILL');
    await more();
    await cluster.start(victim);
    await allKnowAll(cluster);
    await more();
  } finally {
    await stop();
  }
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const read = async (key: string, index: number): Promise<void> => {
    expectValue(await cluster.get(index % 3, key, { ...all, agent }), key);
  };
  await Promise.all(acknowledged.map(read));
  agent.destroy();
}

/** Does `work` again and again in four lanes, in each at least once; what this returns ends it, and throws what it threw. */
function keepOn(work: (lane: number, count: number, agent: Agent) => Promise<void>): () => Promise<void> {
  let isOver = false;
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let count = 0; count === 0 || !isOver; count++) await work(lane, count, agent);
    } finally {
      agent.destroy();
    }
  });
  const ended = Promise.all(lanes);
  // Whoever ends it is told; until then it must not be an unhandled rejection.
  ended.catch(() => {});
  return async () => {
    isOver = true;
    await ended;
  };
}

function expectValue({ status, body }: Answer, value: string | undefined): void {
  assert.deepEqual([status, status === 200 ? body.toString() : undefined], [value === undefined ? 404 : 200, value]);
}

/** Writes, overwrites and deletes through each node, each of them seen through each node. */
async function serves(cluster: Cluster, round: string): Promise<void> {
  for (const node of nodes) {
    const key = `${round} through ${node}`;
    const seen = async (value: string | undefined): Promise<void> => {
      for (const reader of nodes) expectValue(await cluster.get(reader, key, all), value);
    };
    await seen(undefined);
    for (const value of ['first', 'second '.repeat(20_000), '']) {
      assert.equal((await cluster.put(node, key, value, all)).status, 201);
      await seen(value);
    }
    assert.equal((await cluster.del((node + 1) % 3, key, all)).status, 202);
    await seen(undefined);
    assert.equal((await cluster.put((node + 2) % 3, key, 'again', all)).status, 201);
    await seen('again');
  }
}

/** Writes that a node misses while it is stopped, and then has a part in; it starts again with `flags`. */
async function missesAndReturns(cluster: Cluster, missing: number, flags: readonly string[]): Promise<void> {
  const [one = 0, other = 0] = nodes.filter((node) => node !== missing);
  assert.equal((await cluster.put(missing, `deleted without ${missing}`, 'old', all)).status, 201);
  await cluster.stop(missing);
  assert.equal((await cluster.put(one, `written without ${missing}`, 'new', two)).status, 201);
  assert.equal((await cluster.del(other, `deleted without ${missing}`, two)).status, 202);
  await cluster.start(missing, flags);
  await allKnowAll(cluster);
  for (const reader of nodes) {
    expectValue(await cluster.get(reader, `written without ${missing}`, all), 'new');
    expectValue(await cluster.get(reader, `deleted without ${missing}`, all), undefined);
  }
}

/** A node is ready when its peers know it, or when it has waited for that for long. */
async function allKnowAll(cluster: Cluster): Promise<void> {
  for (const node of nodes) {
    await eventually(async () => assert.equal((await cluster.put(node, 'known', 'to all', all)).status, 201));
  }
}

test('peer protocols in mode batched', async (t) => {
  const http = ['--peer-protocol', 'http'];
  const cluster = await prepareCluster(t, { nodes: 3, durability });
  await Promise.all([cluster.start(0, http), cluster.start(1), cluster.start(2)]);
  await cluster.formed();
  await allKnowAll(cluster);

  await t.test('nodes of both serve together, and one that returns with the other takes part again', async () => {
    await serves(cluster, 'mixed');
    await missesAndReturns(cluster, 1, http);
  });

  await t.test('http alone serves, and a node that returns takes part again', async () => {
    await missesAndReturns(cluster, 2, http);
    await serves(cluster, 'http');
  });
});

test('peer protocol link in mode async serves', async (t) => {
  const cluster = await startCluster(t, { nodes: 3, mode: 'async', durability, flags: ['--peer-protocol', 'link'] });
  await allKnowAll(cluster);
  await serves(cluster, 'async');
});
