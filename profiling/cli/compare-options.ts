/**
 * The options of `kvorum compare`: what they are called, what they accept, and what they become. Where the load is
 * described they are those of `kvorum bench`.
 */
import type { CompareSettings } from '../result/compare.ts';
import type { Peer } from '../load/peer.ts';
import { loadOperations } from '../load/result.ts';
import type { Flags } from '../../src/settings/sources.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { nodesMax } from '../../src/domain/topology.ts';
import { durabilities, modes, type Mode } from '../../src/domain/modes.ts';
import {
  choicesFlag,
  fillTimeoutOf,
  fillTimeoutOption,
  listFlag,
  percentOf,
  timeFlag,
  workloadOf,
  workloadOptions,
  type Choices,
} from './bench-flags.ts';
import { junitOption, reportOutputOption } from './output-files.ts';
import type { Option } from '../../src/cli/command.ts';
import { choiceFlag, countFlag, refuseFlag, textFlag } from '../../src/cli/parse.ts';

const rateMax = 1_000_000;
const ratesMax = 16;
/** As in the study. */
const ratesDefault = [1000, 6000];
const maximumShareDefault = 0.6;
const roundsMax = 100;
/** Shorter than the bench's own, since a comparison makes some dozens of runs. */
const workloadDefaults = [
  ['duration', '10s'],
  ['warmup', '2s'],
  ['keys', '10000'],
] as const;
/** In a shorter run one stall of the machine is more than the 1% that p99 leaves out. */
const searchDurationMsLeast = 3000;
/** Shorter runs have no second to observe. */
const durationMsMin = 500;

/** What is the comparison's own business, or set by it. */
const ownFlags = new Set(['op', 'rate', 'seed', ...workloadDefaults.map(([flag]) => flag)]);

/** What says how to run; nothing of it goes together with files. */
const runOptions: readonly Option[] = [
  option('modes', 'LIST', `Modes in the order of comparison, two or more of ${modes.join(', ')} (default all)`),
  {
    ...option(
      'peer',
      'STORE=URL',
      'A running etcd (its HTTP gateway) or Redis to compare with: etcd=http://127.0.0.1:2379,',
    ),
    isRepeatable: true,
  },
  option('redis-wait', 'N', 'Replicas that a SET of --peer redis waits for (default 1)'),
  option('op', 'LIST', `Operations, of ${loadOperations.join(', ')} (default put,get)`),
  option('rates', 'LIST', `Requests a second that every mode meets (default ${ratesDefault.join(',')})`),
  option(
    'share',
    'SHARE',
    `Of its own maximum, which each mode meets besides; 0 for none (default ${maximumShareDefault})`,
  ),
  option('rounds', 'N', 'How often each maximum is looked for, and each load is put on each mode (default 3)'),
  option('p99', 'TIME', 'Bound of the 99th percentile for a rate to count as a maximum held (default 50ms)'),
  option('duration', 'TIME', 'What is measured of each run (default 10s)'),
  option('search-duration', 'TIME', 'Of runs that look for a maximum (default a third of --duration, 3s at least)'),
  option('warmup', 'TIME', 'Load before that, not measured (default 2s)'),
  option('keys', 'N', 'Size of the key space, all of it written before the first run (default 10000)'),
  ...workloadOptions.filter(({ flag }) => !ownFlags.has(flag)),
  option('targets', 'one|all', 'Load on the first node of a cluster or on all (default one)'),
  option('nodes', 'N', 'Nodes of each cluster (default 3)'),
  option('durability', durabilities.join('|'), 'When the nodes acknowledge writes (default fsync)'),
  option('profile', 'DIR', 'Profile each mode afterwards, under a load that all of them hold; DIR gets their reports'),
  fillTimeoutOption,
  option('data', 'DIR', "Where the clusters keep their data until the end (default the system's temporary directory)"),
];

export const compareOptions: readonly Option[] = [
  ...runOptions,
  option('a', 'FILE,...', 'Compare earlier results of bench or compare instead; several files are rounds'),
  option('b', 'FILE,...', 'With what --a is compared'),
  option(
    'fail-on-regression',
    'N%',
    'Exit code 1 where the later side is worse by more, beyond the ranges of the rounds',
  ),
  option('json', 'FILE', 'Write the whole result as JSON'),
  option('report', 'FILE', 'Write an HTML report'),
  junitOption,
  reportOutputOption,
];

export type CompareOrder =
  | { readonly kind: 'files'; readonly a: readonly string[]; readonly b: readonly string[] }
  | {
      readonly kind: 'modes';
      readonly modes: readonly Mode[];
      readonly peers: readonly Peer[];
      readonly settings: CompareSettings;
      readonly dataDirectory: string | undefined;
      readonly fillTimeoutMs: number;
      readonly profileDirectory: string | undefined;
    };

/** 0.1 for `--fail-on-regression 10%`; undefined without it. Throws `bad-setting`. */
export function regressionShareMax(flags: Flags): number | undefined {
  const flag = 'fail-on-regression';
  const given = textFlag(flags, flag);
  if (given === undefined) return undefined;
  if (!flags.has('a') && countFlag(flags, 'rounds', roundsMax) === 1) {
    throw new KvorumError('bad-setting', `--${flag} needs the ranges of rounds: give --rounds 2 or more`);
  }
  return percentOf(flag, given, 'a share like 10%');
}

/** What the flags ask for. Throws `bad-setting`. */
export function compareOrder(flags: Flags): CompareOrder {
  const [a, b] = [flags.get('a'), flags.get('b')];
  if (a === undefined && b === undefined) {
    const peers = peersOf(flags);
    const settings = compareSettings(flags);
    assertSuitsPeers(settings, peers);
    return {
      kind: 'modes',
      // With peers one mode is enough to compare, and usually the one that is meant.
      modes: filledChoices(
        flags,
        'modes',
        peers.length > 0 ? { of: modes, fallback: ['batched'] } : { of: modes, least: 2, fallback: modes },
      ),
      peers,
      settings,
      dataDirectory: textFlag(flags, 'data'),
      fillTimeoutMs: fillTimeoutOf(flags),
      profileDirectory: textFlag(flags, 'profile'),
    };
  }
  if (a === undefined || b === undefined) {
    const [given, missing] = a === undefined ? ['b', 'a'] : ['a', 'b'];
    throw new KvorumError('bad-setting', `--${given} needs --${missing}: the file to compare with`);
  }
  const stray = runOptions.find(({ flag }) => flags.has(flag));
  if (stray !== undefined) {
    const message = `--${stray.flag} says how to run clusters, which --a and --b do not: leave one or the other out`;
    throw new KvorumError('bad-setting', message);
  }
  return { kind: 'files', a: listFlag(flags, 'a', []), b: listFlag(flags, 'b', []) };
}

function compareSettings(flags: Flags): CompareSettings {
  const others = [...flags].filter(([flag]) => flag !== 'op');
  const workload = workloadOf(new Map([...workloadDefaults, ...others]));
  const nodes = countFlag(flags, 'nodes', nodesMax) ?? 3;
  for (const flag of ['ack', 'from'] as const) {
    if ((workload[flag] ?? 0) > nodes) refuse(flags, flag, `at most --nodes, which is ${nodes}`);
  }
  const targets = choiceFlag(flags, 'targets', ['one', 'all'] as const, 'one');
  if (targets === 'all' && workload.connections < nodes) {
    refuse(flags, 'connections', `at least one for each of the ${nodes} nodes`);
  }
  if (workload.durationMs < durationMsMin) refuse(flags, 'duration', `a time from ${durationMsMin}ms`);
  const { readShare, arrival, connections, durationMs, warmupMs, keys, distribution, valueBytes, ack, from } = workload;
  return {
    readShare,
    arrival,
    connections,
    durationMs,
    warmupMs,
    keys,
    distribution,
    valueBytes,
    ack,
    from,
    ops: filledChoices(flags, 'op', { of: loadOperations, fallback: ['put', 'get'] }),
    rates: ratesOf(flags),
    maximumShare: shareOf(flags),
    rounds: countFlag(flags, 'rounds', roundsMax) ?? 3,
    nodes,
    searchDurationMs: timeFlag(flags, 'search-duration', {
      minMs: durationMsMin,
      fallbackMs: Math.max(Math.min(durationMs, searchDurationMsLeast), Math.round(durationMs / 3)),
    }),
    durability: choiceFlag(flags, 'durability', durabilities, 'fsync'),
    targets,
    p99MsMax: timeFlag(flags, 'p99', { minMs: 1, fallbackMs: 50 }),
  };
}

function peersOf(flags: Flags): readonly Peer[] {
  const waitReplicas = wholeFlag(flags, 'redis-wait');
  const peers = listFlag(flags, 'peer', []).map((part): Peer => {
    const [, kind, address = ''] = /^(etcd|redis)=(.+)$/.exec(part) ?? [];
    const url = URL.canParse(address) ? new URL(address) : undefined;
    const isKnown = url !== undefined && ['http:', 'redis:'].includes(url.protocol) && url.hostname !== '';
    if (!isKnown || url.username !== '' || url.password !== '') {
      return refuse(flags, 'peer', 'etcd=http://HOST:PORT or redis=redis://HOST:PORT, without a password');
    }
    const port = url.port || (kind === 'etcd' ? '2379' : '6379');
    const wait = waitReplicas ?? 1;
    const protocol = kind === 'etcd' ? ({ kind } as const) : ({ kind: 'redis', waitReplicas: wait } as const);
    return { protocol, url: `http://${url.hostname}:${port}` };
  });
  if (new Set(peers.map(({ protocol }) => protocol.kind)).size < peers.length) {
    return refuse(flags, 'peer', 'each store once');
  }
  if (waitReplicas !== undefined && !peers.some(({ protocol }) => protocol.kind === 'redis')) {
    throw new KvorumError('bad-setting', '--redis-wait is of use only with --peer redis=URL');
  }
  return peers;
}

/** What other stores cannot be asked for. */
function assertSuitsPeers({ ops, targets, ack, from }: CompareSettings, peers: readonly Peer[]): void {
  if (peers.length === 0) return;
  const [why] = [
    ...(ops.includes('delete') ? ['--op delete'] : []),
    ...(targets === 'all' ? ['--targets all'] : []),
    ...(ack === null ? [] : ['--ack']),
    ...(from === null ? [] : ['--from']),
  ];
  if (why !== undefined) throw new KvorumError('bad-setting', `--peer does not go together with ${why}`);
}

function wholeFlag(flags: Flags, flag: string): number | undefined {
  const given = flags.get(flag);
  if (given === undefined) return undefined;
  return /^\d{1,2}$/.test(String(given)) ? Number(given) : refuse(flags, flag, 'a whole number from 0 to 99');
}

function shareOf(flags: Flags): number {
  const given = flags.get('share');
  if (given === undefined) return maximumShareDefault;
  const share = /^(?:0|1|0\.\d{1,3})$/.test(String(given)) ? Number(given) : NaN;
  return share >= 0 ? share : refuse(flags, 'share', 'a number from 0 to 1');
}

function ratesOf(flags: Flags): readonly number[] {
  const given = listFlag(flags, 'rates', ratesDefault.map(String));
  const rates = given.map((text) => (/^\d{1,7}$/.test(text) ? Number(text) : NaN));
  const areGood = rates.every((rate) => rate >= 1 && rate <= rateMax) && new Set(rates).size === rates.length;
  if (areGood && rates.length <= ratesMax) return rates;
  return refuse(flags, 'rates', `up to ${ratesMax} different whole numbers from 1 to ${rateMax}, separated by commas`);
}

/** As everywhere in a comparison, an empty part is told before the words are looked at. */
function filledChoices<T extends string>(flags: Flags, flag: string, choices: Choices<T>): readonly T[] {
  listFlag(flags, flag, choices.fallback);
  return choicesFlag(flags, flag, choices);
}

function refuse(flags: Flags, flag: string, expected: string): never {
  return refuseFlag(flag, flags.get(flag) ?? '', expected);
}

function option(flag: string, placeholder: string, about: string): Option {
  return { flag, placeholder, about };
}
