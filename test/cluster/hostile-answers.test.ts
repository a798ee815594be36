/** A peer that answers whatever it likes: it counts as no reply, and the node goes on. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { replyCodes } from '../../src/formats/codes.ts';
import { RECORD_HEADER_BYTES, sealRecord, type RecordKind } from '../../src/formats/record.ts';
import { FrameWriter } from '../../src/formats/reply.ts';
import { nodeIdOf } from '../../src/domain/topology.ts';
import { linkProtocol, replicaPaths, seenField, type NodeDescription } from '../../src/protocol/nodes.ts';
import { ask } from '../support/client.ts';
import { prepareCluster, type Cluster } from '../support/cluster.ts';
import { claimOfNewNode, gateFor } from '../support/peer.ts';
import { eventually } from '../support/eventually.ts';
import { goesOn, hostilePieces } from '../support/hostile-bytes.ts';

const GIB = 1024 ** 3;

/** What a hostile peer answers to a frame: the bytes of the reply frame, and how long it says that they are. */
interface HostileAnswer {
  readonly body: Buffer;
  readonly contentLength?: number;
}

function recordReply(
  key: string,
  { version, kind, length }: { version?: number; kind?: number; length?: number },
): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + 3, 'xyz');
  const stamp = { version: version ?? Date.now() * 1000, nodeId: 1, kind: (kind ?? 0) as RecordKind };
  sealRecord(bytes, 0, 3, Buffer.from(key), stamp);
  const writer = new FrameWriter(0);
  writer.replyRecord(bytes, length ?? bytes.length);
  return writer.finish();
}

function announcement(recordBytes: number, version = Date.now() * 1000): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  sealRecord(header, 0, 0, Buffer.from('mine'), { version, nodeId: 1, kind: 0 });
  const writer = new FrameWriter(0);
  writer.replyLarge(header, recordBytes);
  return writer.finish();
}

const plain = (code: number): Buffer => Buffer.from([code, 0, 0, 0, 0]);

const hostileAnswers: readonly (readonly [what: string, make: () => HostileAnswer])[] = [
  ['noise', () => ({ body: Buffer.alloc(100, 0xff) })],
  ['nothing', () => ({ body: Buffer.alloc(0) })],
  ['two replies', () => ({ body: Buffer.concat([plain(replyCodes.absent), plain(replyCodes.absent)]) })],
  ['an unknown code', () => ({ body: plain(77) })],
  ['the reply to a write', () => ({ body: plain(replyCodes.applied) })],
  ['a full disk', () => ({ body: plain(replyCodes.full) })],
  ['a version that is no number', () => ({ body: recordReply('mine', { version: Number.NaN }) })],
  ['a negative version', () => ({ body: recordReply('mine', { version: -1 }) })],
  ['an endless version', () => ({ body: recordReply('mine', { version: Number.POSITIVE_INFINITY }) })],
  ['half a version', () => ({ body: recordReply('mine', { version: Date.now() * 1000 + 0.5 }) })],
  ['an unknown kind', () => ({ body: recordReply('mine', { kind: 9 }) })],
  ['a tombstone with a value', () => ({ body: recordReply('mine', { kind: 1 }) })],
  ['an announced record of 4 GiB', () => ({ body: announcement(0xffffffff) })],
  ['an announced record of no bytes', () => ({ body: announcement(0) })],
  ['a length of an exabyte', () => ({ body: plain(replyCodes.absent), contentLength: 1e18 })],
  ['a length of 100 GiB', () => ({ body: plain(replyCodes.absent), contentLength: 100 * GIB })],
];

/** A node of the topology that says it is one and answers frames as it is told to. */
class HostilePeer {
  /** How frames that are not empty are answered; undefined: with failures. */
  answer: (() => HostileAnswer) | undefined;
  /** What is written to a link as soon as it is open. */
  onLink: Buffer = Buffer.alloc(0);
  #server: Server | undefined;
  links = 0;
  answers = 0;
  probes = 0;
  description: NodeDescription | Buffer | undefined;

  async listen(t: TestContext, port: number): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.url === '/v0/node') {
          this.probes++;
          const text = this.description instanceof Buffer ? this.description : JSON.stringify(this.description ?? {});
          response.end(text);
          return;
        }
        if (request.url === replicaPaths.introduction) {
          response.end(JSON.stringify(claimOfNewNode(`http://127.0.0.1:${port}`)));
          return;
        }
        if (request.url !== replicaPaths.operations) {
          response.writeHead(204).end();
          return;
        }
        const isEmpty = chunks.length === 0;
        const { body, contentLength } = (isEmpty ? undefined : this.answer?.()) ?? {
          body: isEmpty ? Buffer.alloc(0) : plain(replyCodes.failed),
        };
        if (!isEmpty) this.answers++;
        response.writeHead(200, { 'content-length': String(contentLength ?? body.length), [seenField]: '0 1' });
        response.end(body);
      });
    });
    server.on('upgrade', (_request, socket: Duplex) => {
      this.links++;
      socket.on('error', () => {});
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${linkProtocol}\r\n\r\n`);
      socket.write(this.onLink);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
  }

  /** Opens a replica port as the node `id`; resolves to its number. */
  async openReplicaPort(t: TestContext, id: number, topology: string): Promise<number> {
    const { port, close } = await gateFor(this.#server ?? assert.fail('it does not listen'), {
      id,
      topology,
      secret: '',
    });
    t.after(close);
    return port;
  }
}

async function nodeBesideHostilePeer(t: TestContext, protocol: 'http' | 'link') {
  const flags = ['--peer-protocol', protocol, '--new-cluster'];
  const cluster = await prepareCluster(t, { nodes: 2, durability: 'commit', flags });
  const peer = new HostilePeer();
  await peer.listen(t, cluster.node(1).port);
  await cluster.start(0);
  const node = JSON.parse((await ask(cluster.node(0).url, '/v0/node')).body.toString()) as NodeDescription;
  const id = nodeIdOf(cluster.node(1).url);
  const port = await peer.openReplicaPort(t, id, node.topology);
  const description = { ...node, id, url: cluster.node(1).url, replicaPorts: [port] };
  const { pid } = cluster.node(0);
  return { cluster, peer, description, pid };
}

interface PeerSeen {
  readonly state: string;
  readonly error?: string;
}

async function peerSeenBy(cluster: Cluster): Promise<PeerSeen> {
  const status = JSON.parse((await ask(cluster.node(0).url, '/v0/status')).body.toString()) as {
    cluster: (PeerSeen & { url: string })[];
  };
  return status.cluster.find(({ url }) => url === cluster.node(1).url) ?? assert.fail('no such peer');
}

test('a peer that answers what it may not', async (t) => {
  const { cluster, peer, description, pid } = await nodeBesideHostilePeer(t, 'http');

  await t.test('with a description that is none: it is down, with the reason', async () => {
    const ports = [[], [0], [1.5], [70_000], ['80'], [null], {}, 'x'];
    const descriptions = ports.map((replicaPorts) => Buffer.from(JSON.stringify({ ...description, replicaPorts })));
    for (const wrong of [Buffer.from('null'), Buffer.from('['), Buffer.alloc(20_000, 0x20), ...descriptions]) {
      peer.description = wrong;
      const before = peer.probes;
      await eventually(() => assert.ok(peer.probes > before, 'it is probed again'));
      assert.equal((await peerSeenBy(cluster)).state, 'down');
    }
    await goesOn(cluster, pid);
  });

  await t.test('to frames: counts as no reply, and the record of this node is served', async () => {
    peer.description = description;
    await eventually(async () => assert.equal((await peerSeenBy(cluster)).state, 'up'));
    assert.equal((await cluster.put(0, 'mine', 'right', { ack: 1, from: 2 })).status, 201);
    for (const [what, make] of hostileAnswers) {
      peer.answer = make;
      // What came before may have cost the connection, which a node finds out when it likes.
      await eventually(async () => {
        const before = peer.answers;
        const both = await cluster.get(0, 'mine', { ack: 2, from: 2 });
        assert.equal(both.status, 504, `${what}: ${both.body.toString()}`);
        assert.ok(peer.answers > before, `${what} was answered`);
      });
      const one = await cluster.get(0, 'mine', { ack: 1, from: 2 });
      assert.equal(one.body.toString(), 'right', what);
    }
    await goesOn(cluster, pid);
  });
});

test('a peer whose link brings what is no message is lost and found again, and the node goes on', async (t) => {
  const { cluster, peer, description, pid } = await nodeBesideHostilePeer(t, 'link');
  peer.description = description;
  for (const [, bytes] of [...hostilePieces, ['noise', Buffer.alloc(1000, 0xff)] as const]) {
    const before = peer.links;
    peer.onLink = bytes;
    await eventually(() => assert.ok(peer.links > before + 1, 'the link was given up, and another opened'));
  }
  await goesOn(cluster, pid);
});
