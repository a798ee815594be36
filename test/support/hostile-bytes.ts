/** What a hostile peer writes to a link, and how to see that a node took no harm. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { messageKinds, PIECE_HEADER_BYTES } from '../../src/formats/link-message.ts';
import { ask } from './client.ts';
import type { Cluster } from './cluster.ts';

/** The node is the process that it was, is ready, and reads and writes. */
export async function goesOn(cluster: Cluster, pid: number | undefined): Promise<void> {
  const node = cluster.node(0);
  assert.equal((await ask(node.url, '/readyz')).status, 200, node.stderr);
  // Its own replica is among all of them.
  const quorum = { ack: 1, from: cluster.nodes.length };
  assert.equal((await cluster.put(0, 'after', 'v', quorum)).status, 201);
  assert.equal((await cluster.get(0, 'after', quorum)).body.toString(), 'v');
  assert.equal(node.pid, pid);
  assert.deepEqual(
    node.logs.filter(({ level }) => level === 'error'),
    [],
    'no worker ended',
  );
}

function piece(bytes: number, size: number, kind: number, more: { number?: number; durations?: number } = {}): Buffer {
  const header = Buffer.alloc(PIECE_HEADER_BYTES);
  header.writeUInt32LE(more.number ?? 1, 0);
  header.writeUInt32LE(bytes, 4);
  header.writeUInt32LE(size, 8);
  header.set([kind, more.durations ?? 0], 12);
  return Buffer.concat([header, Buffer.alloc(Math.min(size, 100))]);
}

const MIB64 = 64 * 1024 * 1024;
/** Bytes after which a link is of no use, by what is wrong with them. */
export const hostilePieces: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['an unknown kind', piece(1, 1, 4)],
  ['the kind 255', piece(1, 1, 255)],
  ['an answer to nothing', piece(1, 1, messageKinds.answer)],
  ['a refusal of nothing', piece(1, 1, messageKinds.refusal)],
  ['a message of 4 GiB', piece(0xffffffff, 100, 0)],
  ['a message over the bounds of both ends', piece(2 ** 31, 100, 0)],
  ['a piece longer than its message', piece(10, 11, 0)],
  ['durations longer than their message', piece(1, 1, 0, { durations: 2 })],
  ['a piece of nothing', piece(10, 0, 0)],
  [
    'more open messages than there is room for',
    Buffer.concat(Array.from({ length: 100 }, (_, number) => piece(MIB64, 100, 0, { number }))),
  ],
];
