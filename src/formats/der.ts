/**
 * DER, the bytes of certificates (ITU-T X.690): a tag, a length, and contents, which may be values themselves. As much of it
 * as src/tls/throw-away.ts needs to write certificates; nothing here reads any.
 */
import { Buffer } from 'node:buffer';

/** Tags of the universal kinds that are used. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A value of a tag around its contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(tags.sequence, ...contents);
}

/** A value with a tag of its context, `[number]`, around whole values. */
export function tagged(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return der(0xa0 + number, ...contents);
}

/** A whole number from its bytes, the most significant first; never negative. */
export function integer(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Buffer.from([0]) : Buffer.from(bytes.subarray(start));
  return der(tags.integer, ...((digits[0] as number) > 127 ? [Buffer.from([0])] : []), digits);
}

/** An object identifier such as `2.5.29.17`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(tags.objectIdentifier, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Bits, of whose last byte so many are not used. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return der(tags.bitString, Buffer.from([unused]), bytes);
}

/** A time to the second; from 2050 on in the form with four digits for the year (RFC 5280 section 4.1.2.5). */
export function time(at: Date): Buffer {
  const digits = `${at.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')}`;
  const isLate = at.getUTCFullYear() >= 2050;
  return isLate ? der(tags.generalizedTime, Buffer.from(digits)) : der(tags.utcTime, Buffer.from(digits.slice(2)));
}

function lengthOf(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  const digits = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([0x80 + digits.length]), digits]);
}

/** Seven bits a byte, all but the last one marked. */
function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift(128 + (left % 128));
  return bytes;
}
