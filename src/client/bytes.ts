/** Keys and values on their way into a URL, a body and out of JSON. Pure, and without Node's Buffer. */
import { KvorumClientError } from './client-error.ts';

/** Text stands for its UTF-8. */
export type Bytes = string | Uint8Array;

const encoder = new TextEncoder();

/** A key as a query component. Throws `bad-argument` for an empty one, and for text that has no UTF-8. */
export function encodeKey(key: Bytes): string {
  if (key.length === 0) throw new KvorumClientError('bad-argument', { reason: 'A key has at least one byte' });
  if (typeof key !== 'string') return Array.from(key, percent).join('');
  try {
    return encodeURIComponent(key);
  } catch (cause) {
    throw new KvorumClientError('bad-argument', { reason: `Key ${JSON.stringify(key)} is no Unicode text`, cause });
  }
}

const unreserved = /[A-Za-z0-9._~-]/;

function percent(byte: number): string {
  const character = String.fromCharCode(byte);
  return unreserved.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** A value as a body. Memory that threads share is copied: `fetch` does not take it. */
export function encodeValue(value: Bytes): Uint8Array<ArrayBuffer> {
  if (typeof value === 'string') return encoder.encode(value);
  return isOwn(value) ? value : new Uint8Array(value);
}

function isOwn(value: Uint8Array): value is Uint8Array<ArrayBuffer> {
  return value.buffer instanceof ArrayBuffer;
}

/** The bytes that a record of a range has as `value` or, in base64, as `value64`. */
export function decodeValue(text: string | undefined, base64: string | undefined): Uint8Array {
  if (base64 === undefined) return encoder.encode(text ?? '');
  const characters = atob(base64);
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = characters.charCodeAt(index);
  return bytes;
}

export function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
