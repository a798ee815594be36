/**
 * Request bodies, collected up to a bound. The bound is checked at the headers where they name a length, and while the
 * body comes in where they do not (chunked encoding).
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

/** Called once with the body, or with `too-large`, or with `gone` where the client left first. */
export type OnBody = (body: Buffer | 'too-large' | 'gone') => void;

/** The length that the headers name; undefined where they name none (chunked, or no body at all). */
export function declaredLength(request: IncomingMessage): number | undefined {
  const length = request.headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/**
 * Collects the body. With a declared length the bytes go straight to their place; most bodies come in one chunk, which
 * is used as it is.
 */
export function collectBody(request: IncomingMessage, bytesMax: number, onBody: OnBody): void {
  const length = declaredLength(request);
  const chunks: Buffer[] = [];
  let whole: Buffer | undefined;
  let received = 0;
  let done = false;
  const finish = (body: Buffer | 'too-large' | 'gone'): void => {
    if (done) return;
    done = true;
    onBody(body);
  };
  request.on('data', (chunk: Buffer) => {
    if (done) return;
    if (received + chunk.length > bytesMax) return finish('too-large');
    if (length === undefined || chunk.length === length) chunks.push(chunk);
    else (whole ??= Buffer.allocUnsafeSlow(length)).set(chunk, received);
    received += chunk.length;
    return undefined;
  });
  request.on('end', () => finish(whole ?? joined(chunks)));
  request.on('close', () => finish('gone'));
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  if (first === undefined) return Buffer.alloc(0);
  return chunks.length === 1 ? first : Buffer.concat(chunks);
}
