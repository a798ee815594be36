/** The answering end of a link: executes the frames that a peer's worker asks over it. */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { messageKinds, type LinkMessage } from '../../src/formats/link-message.ts';
import { linkProtocol } from '../../src/formats/worker-protocol.ts';
import { executeFrame } from './frame-execution.ts';
import { Link } from '../peers/link.ts';
import type { LocalReplica } from './local-replica.ts';

export interface ReplicaLinkOptions {
  readonly replica: LocalReplica;
  /** Bound of one frame, bytes. */
  readonly frameBytesMax: number;
}

/** Answers an upgrade request and serves the link that its socket then is; `head` is what came after the request. */
export function acceptLink(socket: Duplex, head: Buffer, { replica, frameBytesMax }: ReplicaLinkOptions): void {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${linkProtocol}\r\n\r\n`);
  const link = new Link(socket, {
    bytesMax: frameBytesMax,
    sendingBytesMax: frameBytesMax,
    onMessage: (message) => answer(link, replica, message),
    onClosed: () => undefined,
  });
  if (head.length > 0) link.take(head);
}

function answer(link: Link, replica: LocalReplica, { number, kind, body }: LinkMessage): void {
  if (kind !== messageKinds.question && kind !== messageKinds.questionWithDurations) {
    return link.destroy(new Error('the peer answers what nobody asked'));
  }
  const receivedAt = kind === messageKinds.questionWithDurations ? performance.now() : undefined;
  const refused = executeFrame(replica, body, receivedAt, (replies, durations) => {
    link.send({ number, kind: messageKinds.answer, durations, body: replies });
  });
  if (refused !== undefined) {
    link.send({ number, kind: messageKinds.refusal, durations: '', body: Buffer.from(refused) });
  }
  return undefined;
}
