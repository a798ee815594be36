/**
 * CRC-32 as zlib has it, of bytes inside a buffer. Keys and most records are so short that zlib's takes longer to be called, and
 * to be given a view, than to sum them up: those are summed here, four bytes at a time ("slicing by 4", Kounavis and Berry, 2005).
 */
import { crc32 } from 'node:zlib';

/** From here on zlib is quicker. */
const SHORT_BYTES_MAX = 192;
const SLICES = 4;
const BYTES = 256;
/** zlib's polynomial, its lowest bit first. */
const POLYNOMIAL = 0xedb88320;

/** For each byte what it makes of the sum, alone and with one, two and three bytes of zero behind it. */
const table = makeTable();

/** The checksum of `bytes[start, end)`, behind bytes whose checksum is `sum`; an unsigned 32-bit integer. */
export function crcOf(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  if (end - start > SHORT_BYTES_MAX) return crc32(bytes.subarray(start, end), sum);
  let crc = ~sum;
  let at = start;
  for (; at + SLICES <= end; at += SLICES) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    crc =
      (table[3 * BYTES + (crc & 0xff)] as number) ^
      (table[2 * BYTES + ((crc >>> 8) & 0xff)] as number) ^
      (table[BYTES + ((crc >>> 16) & 0xff)] as number) ^
      (table[crc >>> 24] as number);
  }
  for (; at < end; at++) crc = (table[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function makeTable(): Int32Array {
  const entries = new Int32Array(SLICES * BYTES);
  for (let byte = 0; byte < BYTES; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    entries[byte] = crc;
  }
  for (let at = BYTES; at < entries.length; at++) {
    const before = entries[at - BYTES] as number;
    entries[at] = (entries[before & 0xff] as number) ^ (before >>> 8);
  }
  return entries;
}
