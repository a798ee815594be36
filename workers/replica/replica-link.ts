/** The answering end of a link: executes the frames that a peer's worker asks over it. */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { messageKinds, type LinkMessage } from '../../src/formats/link-message.ts';
import { linkProtocol } from '../../src/protocol/nodes.ts';
import { executeFrame, type FrameTarget } from './frame-execution.ts';
import { Link } from '../peers/link.ts';

export interface ReplicaLinkOptions extends FrameTarget {
  /** Bound of one frame, bytes. */
  readonly frameBytesMax: number;
}

/** Answers an upgrade request and serves the link that its socket then is; `head` is what came after the request. */
export function acceptLink(socket: Duplex, head: Buffer, options: ReplicaLinkOptions): void {
  const { frameBytesMax, refusals } = options;
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${linkProtocol}\r\n\r\n`);
  const link = new Link(socket, {
    bytesMax: frameBytesMax,
    sendingBytesMax: frameBytesMax,
    onMessage: (message) => answer(link, options, message),
    onRefused: (reason) => refusals.note('link', reason),
    onClosed: () => undefined,
  });
  if (head.length > 0) link.take(head);
}

function answer(link: Link, target: FrameTarget, { number, kind, body, newest }: LinkMessage): void {
  if (kind !== messageKinds.question && kind !== messageKinds.questionWithDurations) {
    throw new KvorumError('corrupt-frame', 'The peer answers what nobody asked');
  }
  const { sender } = target;
  sender.see(newest);
  const receivedAt = kind === messageKinds.questionWithDurations ? performance.now() : undefined;
  const refused = executeFrame(target, body, receivedAt, (replies, durations) => {
    link.send({
      number,
      kind: messageKinds.answer,
      durations,
      body: replies,
      newest: sender.newest,
      start: sender.start,
    });
  });
  if (refused !== undefined) {
    const said = { newest: sender.newest, start: sender.start };
    link.send({ number, kind: messageKinds.refusal, durations: '', body: Buffer.from(refused), ...said });
  }
}
