/** The flame graphs' stacks from the files that a profile has left: how a baseline is read. */
import { join } from 'node:path';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import {
  indexName,
  profileFilesSchema,
  readProfileJson,
  readProfileText,
  type ProfileIndex,
} from '../capture/recording-files.ts';
import type { ProfileFile } from '../result/profile.ts';
import type { FlameKind, FlameSource } from './flame-data.ts';
import { treeOfFolded } from './folded-stacks.ts';

const kinds: Readonly<Record<ProfileFile['kind'], FlameKind>> = { cpu: 'cpu', heap: 'allocation', perf: 'native' };

/**
 * The stacks that were recorded under one load (`put`). From the collapsed stacks, since those name the sources as they
 * were then: a later build has other source maps. Throws `profile-failed`.
 */
export function readFlameSources(directory: string, op: string): FlameSource[] {
  const index = parseIndex(join(directory, indexName));
  const files = index.files.filter((file) => file.op === op && file.format === 'folded');
  return files.map(({ path, kind, node, thread }) => {
    return { kind: kinds[kind], node, thread, tree: treeOfFolded(readProfileText(join(directory, path))) };
  });
}

function parseIndex(path: string): ProfileIndex {
  const index = readProfileJson(path) as Partial<ProfileIndex>;
  if (index.schema === profileFilesSchema && Array.isArray(index.files)) return index as ProfileIndex;
  const given = String(index.schema);
  throw new KvorumError(
    'profile-failed',
    `Cannot read profile "${path}": its schema is "${given}", known is "${profileFilesSchema}"`,
  );
}
