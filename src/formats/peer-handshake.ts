/**
 * The bytes by which a connection to the replica port begins, before any HTTP (numbers little-endian):
 *
 *   asker     "kvpeer" u16 protocol, u32 id of the asker, 32 nonce
 *   listener  "kvpeer" u16 protocol, 32 nonce, 32 proof
 *   asker     32 proof
 *   listener  1: accepted; anything else, or the end: refused
 *
 * The listener proves itself first: who stands at a peer's address by mistake or malice is told nothing but a nonce.
 */
import { Buffer } from 'node:buffer';

export const PEER_MAGIC = Buffer.from('kvpeer');
export const ACCEPTED = 1;

const HEAD_BYTES = PEER_MAGIC.length + 2;
const NONCE_BYTES = 32;
const PROOF_BYTES = 32;
export const HELLO_BYTES = HEAD_BYTES + 4 + NONCE_BYTES;
export const CHALLENGE_BYTES = HEAD_BYTES + NONCE_BYTES + PROOF_BYTES;

export interface Hello {
  readonly protocol: number;
  readonly askerId: number;
  readonly nonce: Buffer;
}

export interface Challenge {
  readonly protocol: number;
  readonly nonce: Buffer;
  readonly proof: Buffer;
}

export function encodeHello({ protocol, askerId, nonce }: Hello): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32LE(askerId);
  return Buffer.concat([headOf(protocol), id, nonce]);
}

/** Undefined where the bytes do not begin as a hello does. */
export function decodeHello(bytes: Buffer): Hello | undefined {
  if (!startsAsPeer(bytes) || bytes.length !== HELLO_BYTES) return undefined;
  const askerId = bytes.readUInt32LE(HEAD_BYTES);
  return { protocol: bytes.readUInt16LE(PEER_MAGIC.length), askerId, nonce: bytes.subarray(HEAD_BYTES + 4) };
}

export function encodeChallenge({ protocol, nonce, proof }: Challenge): Buffer {
  return Buffer.concat([headOf(protocol), nonce, proof]);
}

/** Undefined where the bytes do not begin as a challenge does. */
export function decodeChallenge(bytes: Buffer): Challenge | undefined {
  if (!startsAsPeer(bytes) || bytes.length !== CHALLENGE_BYTES) return undefined;
  const end = HEAD_BYTES + NONCE_BYTES;
  const protocol = bytes.readUInt16LE(PEER_MAGIC.length);
  return { protocol, nonce: bytes.subarray(HEAD_BYTES, end), proof: bytes.subarray(end) };
}

/** Whether `bytes`, however few, can be the beginning of a hello or a challenge. */
export function startsAsPeer(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, PEER_MAGIC.length);
  return bytes.subarray(0, length).equals(PEER_MAGIC.subarray(0, length));
}

function headOf(protocol: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  PEER_MAGIC.copy(head);
  head.writeUInt16LE(protocol, PEER_MAGIC.length);
  return head;
}
