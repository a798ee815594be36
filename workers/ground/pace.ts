/**
 * How much of the slow work this thread does in one turn of its event loop, whoever asks for it. Each kind takes about as
 * long as a turn full of small operations.
 */
import { TurnShare } from '../../src/domain/turn-share.ts';

/** Steps of large values: summing, reading or writing 512 KiB, about 1 ms each, and 3 ms where it is an fsync. */
export const steps = new TurnShare(1, setImmediate);

/** Records of up to 128 KiB that are read by themselves, since the answers to their batches had become long. */
export const wholeReads = new TurnShare(8, setImmediate);

/** Reads of links that bring as much as a read can, 64 KiB: libuv alone would read 32 times from each. */
export const linkReads = new TurnShare(16, setImmediate);
