/** Certificates for tests, made when they run, so that none expires in the repository. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsFiles, TlsMaterial } from '../../src/tls/material.ts';
import { throwAwayCertificates } from '../../src/tls/throw-away.ts';

export const DAY_MS = 86_400_000;

/** Of an authority of its own, for this machine, good for `days` from now on. */
export function certificates(days = 30, hosts: readonly string[] = ['localhost', '127.0.0.1', '::1']): TlsMaterial {
  const now = Date.now();
  return throwAwayCertificates({
    hosts,
    notBefore: new Date(now - 100 * DAY_MS),
    notAfter: new Date(now + days * DAY_MS),
  });
}

/** Writes them to a directory, over those that it has. */
export function writeCertificates(directory: string, material: TlsMaterial): TlsFiles {
  mkdirSync(directory, { recursive: true });
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem'), ca: join(directory, 'ca.pem') };
  for (const what of ['cert', 'key', 'ca'] as const) writeFileSync(files[what], material[what]);
  return files;
}
