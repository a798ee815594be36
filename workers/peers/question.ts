/** What a worker asks of a peer, whichever way it travels: a frame, which has one answer, or a range, which is streamed. */
import type { Buffer } from 'node:buffer';
import type { BatchMarks } from '../../src/waits/wait-marks.ts';

/** One frame to send. Exactly one of its functions is called, later. */
export interface Question {
  readonly body: Buffer;
  /** Where somebody wants to know what the question waited for; the peer is then asked to tell its part. */
  readonly marks?: BatchMarks | undefined;
  /** Takes the answer, and the start (`Sender.start`) of the process that gave it. */
  readonly onReply: (bytes: Buffer, start: number) => void;
  readonly onError: (error: Error) => void;
}

/** Whether a frame and its answer are both small. A `large` one may take long, so its lateness says nothing of the peer. */
export type FrameSize = 'small' | 'large';

/** A question with a path of its own, that is answered whole. */
export interface PeerQuestion {
  readonly path: string;
  readonly body: string;
  /** Bounds of the answer and of the time until all of it has come. */
  readonly bytesMax: number;
  readonly msMax: number;
}

/** An answer of a peer that comes bit by bit. */
export interface PeerStream {
  pause(): void;
  resume(): void;
  destroy(): void;
}

export interface PeerStreamHandler {
  /** Called before all others where the peer has lost data: some of the answer may be missing. */
  readonly onLoss?: () => void;
  /** Called before all others where the peer says its purge floor: what it is without and is older was deleted. */
  readonly onFloor?: (floor: number) => void;
  readonly onData: (bytes: Buffer) => void;
  readonly onEnd: () => void;
  readonly onError: (error: Error) => void;
}
