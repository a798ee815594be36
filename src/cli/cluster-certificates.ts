/**
 * The certificates of `kvorum up --tls`: made once and kept beside the data, so that nodes started again show what clients were
 * told to trust, until they are about to expire.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { expiryOf, readTlsMaterial, type TlsFiles } from '../tls/material.ts';
import { throwAwayCertificates } from '../tls/throw-away.ts';

const DAY_MS = 86_400_000;
const VALID_MS = 90 * DAY_MS;
/** No warning of a node is about these. */
const LEFT_MS_MIN = 15 * DAY_MS;
/** Clocks of machines that trust them may be behind. */
const BEFORE_MS = DAY_MS;
const hosts = ['localhost', '127.0.0.1', '::1'];

/** The files in `directory`, made if they are not there, not whole, or about to expire at `now`. */
export function keepCertificates(directory: string, now: number): TlsFiles {
  const folder = join(directory, 'tls');
  const files = { cert: join(folder, 'node.pem'), key: join(folder, 'node-key.pem'), ca: join(folder, 'ca.pem') };
  if (isGood(files, now)) return files;
  const material = throwAwayCertificates({
    hosts,
    notBefore: new Date(now - BEFORE_MS),
    notAfter: new Date(now + VALID_MS),
  });
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const what of ['cert', 'key', 'ca'] as const) writeFileSync(files[what], material[what], { mode: 0o600 });
  } catch (error) {
    throw new KvorumError('store-unusable', `Cannot write to "${folder}": ${messageOf(error)}`, { cause: error });
  }
  return files;
}

function isGood(files: TlsFiles, now: number): boolean {
  try {
    const { cert, ca } = readTlsMaterial(files);
    return Math.min(expiryOf(cert), expiryOf(ca)) > now + LEFT_MS_MIN;
  } catch {
    return false;
  }
}
