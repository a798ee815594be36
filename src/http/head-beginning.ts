/**
 * The beginning of a head whose end has not come: whether it can still become a request. What is no HTTP (a TLS hello, a
 * banner, a request of HTTP/0.9, lines ended by bare line feeds) may never send the empty line that ends a head, so it is
 * refused as soon as it can be told, and not when its time is up.
 */
import type { Buffer } from 'node:buffer';
import { skipEmptyLines } from './body.ts';
import { parseRequestLine, type MalformedHead } from './head.ts';

const TAB = 9;
const LF = 10;
const CR = 13;
const DEL = 127;

const noHttp: MalformedHead = { malformed: 'This is no HTTP: control characters in a head', problem: 'bad-request' };

/** What a client that speaks TLS to a port without it is answered. */
export const tlsHello: MalformedHead = {
  malformed: 'This port speaks HTTP, and not HTTPS: ask it by http://',
  problem: 'bad-request',
};
/** How a connection begins that is to be one of TLS: a record of the handshake, of some version 3. */
const HANDSHAKE_RECORD = 0x16;
const VERSION_3 = 3;

/** What is wrong with the head that begins at `start`; bytes before `from` have been looked at. */
export function beginningProblem(bytes: Buffer, start: number, from: number): MalformedHead | undefined {
  if (bytes[start] === HANDSHAKE_RECORD && (bytes[start + 1] ?? VERSION_3) === VERSION_3) return tlsHello;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === LF && bytes[at - 1] === CR && at > start) {
      const problem = bytes.indexOf(LF, start) === at ? firstLineProblem(bytes, start, at - 1) : undefined;
      if (problem !== undefined) return problem;
    } else if (isForbidden(byte) || (at > start && bytes[at - 1] === CR)) {
      return noHttp;
    }
  }
  return undefined;
}

/** Why a head of more than `bytesMax` bytes is refused: for its request line alone (RFC 9112 section 3), or for its fields. */
export function tooLongProblem(bytes: Buffer, start: number, bytesMax: number): MalformedHead {
  const lineEnd = bytes.indexOf(CR, start);
  if (lineEnd < 0 || lineEnd - start > bytesMax) {
    return { malformed: `The first line of a request has at most ${bytesMax} bytes`, problem: 'target-too-long' };
  }
  return { malformed: `The head of a request has at most ${bytesMax} bytes`, problem: 'headers-too-large' };
}

/** The method of a request that is refused before it is parsed: an answer to HEAD has no body. */
export function refusedMethod(bytes: Buffer, from: number): 'GET' | 'HEAD' {
  const start = skipEmptyLines(bytes, from);
  return bytes.toString('latin1', start, start + 5) === 'HEAD ' ? 'HEAD' : 'GET';
}

function firstLineProblem(bytes: Buffer, start: number, end: number): MalformedHead | undefined {
  const asked = parseRequestLine(bytes.toString('latin1', start, end));
  return 'malformed' in asked ? asked : undefined;
}

/** Control characters that stand in no head. */
function isForbidden(byte: number): boolean {
  return (byte < 32 && byte !== TAB && byte !== CR) || byte === DEL;
}
