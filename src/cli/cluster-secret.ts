/**
 * The cluster secret of `kvorum up`: made once, kept beside the data for its owner only, so that nodes started again
 * agree with each other.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterSecretFile } from '../domain/cluster-proof.ts';
import { codeOf, KvorumError, messageOf } from '../diagnostics/errors.ts';

/** Reads the secret in `directory`, or makes it. */
export function keepClusterSecret(directory: string): string {
  const path = join(directory, clusterSecretFile);
  try {
    // Fails if the file exists, so that two starts at the same time agree on one secret.
    writeFileSync(path, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw unusable(path, messageOf(error), error);
  }
  return readSecret(path);
}

function readSecret(path: string): string {
  let secret: string;
  try {
    secret = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw unusable(path, messageOf(error), error);
  }
  if (secret === '') throw unusable(path, 'it is empty; remove it', undefined);
  return secret;
}

function unusable(path: string, reason: string, cause: unknown): KvorumError {
  return new KvorumError('store-unusable', `Cannot use cluster secret "${path}": ${reason}`, { cause });
}
