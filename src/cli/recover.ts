/**
 * `kvorum recover`: says by hand that a store counts as it is. A node that has lost data otherwise votes again when it has
 * merged with enough peers; where those are gone for good it never would.
 */
import { existsSync } from 'node:fs';
import { DataDirectory } from '../data-directory.ts';
import { KvorumError } from '../diagnostics/errors.ts';
import { accepted, newestStores } from '../domain/standing.ts';
import { encodeState, newId, type StoreState } from '../store-state.ts';
import type { Command, Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { printable, writeNotice, writeResult } from './output.ts';
import { textFlag } from './parse.ts';

const whatItMeans =
  'From its next start on the node answers reads by what its store has, although the store has lost data or never met all ' +
  'nodes of its cluster. Acknowledged writes that only the lost data had are lost for good, deleted keys may be back, and ' +
  'the node will not ask its peers for what it lacks. Where peers that have the data can still be started, start them ' +
  'instead: then the node recovers by itself';

const startFirst = 'start the node, which begins a new one and recovers from its peers, and accept the loss after that';

export const recoverCommand: Command = {
  name: 'recover',
  summary: 'Let a node vote again although it lost data',
  usage: '--accept-loss --data DIR',
  details: `${whatItMeans}. The node must be stopped.`,
  positionals: { min: 0, max: 0 },
  options: [
    { flag: 'accept-loss', about: 'Do it; without this the command only says what it would mean' },
    { flag: 'data', placeholder: 'DIR', about: "The node's data directory" },
  ],
  examples: ['kvorum recover --data data/n1', 'kvorum recover --accept-loss --data data/n1'],
  run: recover,
};

async function recover({ flags }: Invocation): Promise<ExitCode> {
  const path = textFlag(flags, 'data');
  if (path === undefined) throw new KvorumError('bad-setting', 'Give the data directory of the node with --data DIR');
  if (!existsSync(path))
    throw new KvorumError('store-unusable', `Cannot open store "${path}": there is no such directory`);
  if (!DataDirectory.isUsed(path))
    throw new KvorumError('store-unusable', `Cannot open store "${path}": no node has used it yet`);
  // Nothing is marked but what `acceptLoss` does; the durability is that of a store that may have lost power.
  const directory = DataDirectory.open(path, 'commit');
  try {
    const state = directory.readState();
    if (state === undefined || !directory.hasStore)
      throw new KvorumError('store-unusable', `Cannot open store "${path}": there is none; ${startFirst}`);
    if (state.standing.kind === 'voting' && directory.lost === undefined) {
      await writeResult(`The store of ${printable(state.url)} counts already\n`);
      return exitCodes.ok;
    }
    writeNotice(printable(`${describe(state)}. ${whatItMeans}.`));
    if (flags.get('accept-loss') !== true) {
      writeNotice('kvorum: Nothing was changed; add --accept-loss to accept that');
      return exitCodes.usage;
    }
    await acceptLoss(directory, state);
    await writeResult(`The store of ${printable(state.url)} counts as it is from its next start on\n`);
    return exitCodes.ok;
  } finally {
    directory.close();
  }
}

/** The store gets a new id, so that peers that know a newer state of it know that this one stands in its place. */
async function acceptLoss(directory: DataDirectory, state: StoreState): Promise<void> {
  const file = directory.openStateFile();
  const replaces = newestStores([state.storeId, ...state.replaces]);
  await file.write(encodeState({ ...state, standing: accepted(), storeId: newId(), replaces }));
  await file.close();
  if (directory.lost === undefined) return;
  directory.forgetLogDamage();
  directory.markClean();
}

function describe({ url, standing }: StoreState): string {
  if (standing.kind === 'forming') return `The store of ${url} waits for the nodes that it is to form a cluster with`;
  if (standing.kind === 'voting') return `The store of ${url} has lost data`;
  const merged = Object.entries(standing.merged).filter(([, { isDone }]) => isDone);
  const names = merged.length === 0 ? 'none of its peers' : merged.map(([peer]) => peer).join(', ');
  return `The store of ${url} recovers (${standing.reason}) and has merged with ${names}`;
}
