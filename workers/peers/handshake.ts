/**
 * Both ends of the handshake by which nodes prove the cluster secret to each other on every connection of the replica port,
 * before anything else travels on it. What follows on the connection needs no proof of its own.
 *
 * It keeps out who does not know the secret. It does not keep out who sits on the wire between two nodes, reads and
 * changes what they send: that takes encryption.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  isSameProof,
  NONCE_BYTES,
  peerProof,
  PROOF_BYTES,
  type PeerHandshake,
} from '../../src/domain/cluster-proof.ts';
import {
  ACCEPTED,
  CHALLENGE_BYTES,
  decodeChallenge,
  decodeHello,
  encodeChallenge,
  encodeHello,
  HELLO_BYTES,
  startsAsPeer,
} from '../../src/formats/peer-handshake.ts';
import { replicaProtocol } from '../../src/protocol/nodes.ts';

/** What a node proves, and as whom. */
export interface ClusterMember {
  readonly id: number;
  /** Digest of the topology that both ends must share. */
  readonly topology: string;
  readonly secret: string;
}

/** Round trips between two nodes, and the longest pause of one of them, milliseconds. */
const HANDSHAKE_MS_MAX = 2000;

/** The end that connected. Rejects, and closes the socket, where the listener is not the node `listenerId` of the cluster. */
export function proveToListener(socket: Socket, me: ClusterMember, listenerId: number): Promise<void> {
  return inTime(socket, async (take) => {
    const nonce = randomBytes(NONCE_BYTES);
    socket.write(encodeHello({ protocol: replicaProtocol, askerId: me.id, nonce }));
    const challenge = decodeChallenge(await take(CHALLENGE_BYTES, startsAsPeer));
    if (challenge === undefined) throw new Error('what listens at its replica port is no node');
    const handshake = agreed(me, { askerId: me.id, listenerId, askerNonce: nonce, listenerNonce: challenge.nonce });
    if (!isSameProof(challenge.proof, peerProof(me.secret, 'listener', handshake))) {
      throw new Error('its proof of the cluster secret does not match');
    }
    socket.write(peerProof(me.secret, 'asker', handshake));
    const [verdict] = await take(1);
    if (verdict !== ACCEPTED) throw new Error('it refuses our proof of the cluster secret');
  });
}

/** The end that was connected to. Rejects, and closes the socket, where the other one is no node of the cluster. */
export function proveToAsker(socket: Socket, me: ClusterMember): Promise<void> {
  return inTime(socket, async (take) => {
    const hello = decodeHello(await take(HELLO_BYTES, startsAsPeer));
    if (hello === undefined) throw new Error('no hello of a node');
    const nonce = randomBytes(NONCE_BYTES);
    const { askerId, nonce: askerNonce } = hello;
    const handshake = agreed(me, { askerId, listenerId: me.id, askerNonce, listenerNonce: nonce });
    const proof = peerProof(me.secret, 'listener', handshake);
    socket.write(encodeChallenge({ protocol: replicaProtocol, nonce, proof }));
    if (!isSameProof(await take(PROOF_BYTES), peerProof(me.secret, 'asker', handshake))) {
      socket.end(Buffer.from([0]));
      throw new Error('the cluster secret does not match');
    }
    socket.write(Buffer.from([ACCEPTED]));
  });
}

type Agreed = Omit<PeerHandshake, 'topology' | 'protocol'>;

function agreed({ topology }: ClusterMember, ends: Agreed): PeerHandshake {
  return { topology, protocol: replicaProtocol, ...ends };
}

/**
 * Resolves to exactly so many bytes, since neither end sends more than the other has asked for. `isRight` judges the first
 * of them, however few have come.
 */
type Take = (bytes: number, isRight?: (start: Buffer) => boolean) => Promise<Buffer>;

async function inTime(socket: Socket, steps: (take: Take) => Promise<void>): Promise<void> {
  let received = Buffer.alloc(0);
  let wanted = 0;
  let isRightStart: (start: Buffer) => boolean = () => true;
  let resolve: (bytes: Buffer) => void = () => {};
  let reject!: (error: Error) => void;
  const failed = new Promise<never>((_, onFailed) => (reject = onFailed));
  failed.catch(() => {});
  const give = (): void => {
    if (wanted === 0 || received.length < wanted) return;
    if (received.length > wanted) return reject(new Error('it sends more than it was asked for'));
    const bytes = received;
    [wanted, received] = [0, Buffer.alloc(0)];
    return resolve(bytes);
  };
  const onData = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    if (!isRightStart(received)) reject(new NotAPeer());
    else if (received.length > CHALLENGE_BYTES) reject(new Error('it sends more than it was asked for'));
    else give();
  };
  const onError = (error: Error): void => reject(error);
  const onEnd = (): void => reject(new Error('the connection was closed before both ends had proved the secret'));
  const timer = setTimeout(() => reject(new Error('no proof of the cluster secret in time')), HANDSHAKE_MS_MAX);
  socket.on('data', onData).on('error', onError).on('end', onEnd).on('close', onEnd);
  const take: Take = (bytes, isRight = () => true) => {
    wanted = bytes;
    isRightStart = isRight;
    const taken = new Promise<Buffer>((done) => (resolve = done));
    give();
    return Promise.race([taken, failed]);
  };
  try {
    await steps(take);
  } catch (error) {
    socket.on('error', () => {});
    refuse(socket, error);
    throw error;
  } finally {
    clearTimeout(timer);
    // Whoever waits for this listens before the next event, so that nothing is lost in between.
    socket.off('data', onData).off('error', onError).off('end', onEnd).off('close', onEnd);
  }
}

/** What came is not how a node begins: a browser, say. */
class NotAPeer extends Error {
  constructor() {
    super('what it sends is not how a node begins');
  }
}

const notAPeerText = 'this port is for nodes, which prove the cluster secret first\n';
/** What people who came by mistake are answered, whole. */
export const notAPeerAnswer =
  'HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-type: text/plain\r\n' +
  `content-length: ${notAPeerText.length}\r\n\r\n${notAPeerText}`;

/** The socket ends in any case; people who came by mistake are told where they are. */
function refuse(socket: Socket, error: unknown): void {
  if (error instanceof NotAPeer) socket.end(notAPeerAnswer, () => socket.destroy());
  else if (!socket.writableEnded) socket.destroy();
  else socket.destroySoon();
}
