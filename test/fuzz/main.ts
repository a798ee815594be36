/**
 * Fuzzers of what strangers and peers can send.
 *
 *   npm run fuzz -- [--seconds N] [--seed N] [--only framing|node|replica] [--case N]
 *
 * `framing` holds the client port's parser against node:http, `node` and `replica` send to the two ports of a real node, each for
 * `--seconds`. Every failure is printed with the command that repeats it.
 */
import { randomInt } from 'node:crypto';
import { scriptLine } from '../../profiling/script-options.ts';
import { startCluster } from '../support/cluster.ts';
import { fuzzFraming } from './framing-fuzz.ts';
import { fuzzNode } from './node-fuzz.ts';
import { fuzzReplica, startReplicaTarget } from './replica-fuzz.ts';
import type { FuzzOptions, FuzzReport } from './report.ts';

type Fuzzer = (owner: Owner, options: FuzzOptions) => Promise<FuzzReport>;

interface Owner {
  readonly after: (clean: () => Promise<void> | void) => void;
}

const fuzzers: Readonly<Record<string, Fuzzer>> = {
  framing: (_, options) => fuzzFraming(options),
  node: async (owner, options) => fuzzNode(await startCluster(owner, { nodes: 1, durability: 'commit' }), options),
  replica: async (owner, options) => fuzzReplica(await startReplicaTarget(owner), options),
};

const { values } = scriptLine({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string' },
    case: { type: 'string' },
  },
  numbers: ['seconds', 'seed', 'case'],
  choices: { only: Object.keys(fuzzers) },
});

const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const chosen = Object.keys(fuzzers).filter((name) => values.only === undefined || values.only === name);
for (const name of chosen) await run(name, fuzzers[name] as Fuzzer);

async function run(name: string, fuzz: Fuzzer): Promise<void> {
  const cleanups: (() => Promise<void> | void)[] = [];
  const one = values.case === undefined ? undefined : Number(values.case);
  console.log(`${name}: seed ${seed}`);
  let until = Infinity;
  const goOn = (cases: number): boolean => {
    // The clock begins with the first case, not with the start of a node.
    if (cases === 0) until = performance.now() + Number(values.seconds) * 1000;
    return one === undefined ? performance.now() < until : cases < 1;
  };
  try {
    const options: FuzzOptions = one === undefined ? { seed, goOn } : { seed, goOn, first: one };
    const { cases, counts, failures } = await fuzz({ after: (clean) => cleanups.push(clean) }, options);
    const told = [...counts].sort(([, a], [, b]) => b - a).map(([what, times]) => `${what} ${times}`);
    console.log(`${name}: ${cases} cases, ${failures.length} failed; ${told.join(', ')}`);
    for (const text of failures) console.log(`  ${text}`);
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    for (const clean of cleanups.reverse()) await clean();
  }
}
