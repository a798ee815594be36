/** The flags of `kvorum bench` that give a load a shape: stages, mixes, YCSB's workloads and several sizes of values. */
import { KvorumError } from '../../src/diagnostics/errors.ts';
import type { Option } from '../../src/cli/command.ts';
import { choiceFlag, countFlag, refuseFlag } from '../../src/cli/parse.ts';
import { parseSize } from '../../src/settings/kinds.ts';
import type { Flags } from '../../src/settings/sources.ts';
import { MIB } from '../../src/domain/units.ts';
import {
  meanBytes,
  meanRate,
  namedWorkloads,
  namedWorkloadValueBytes,
  operationKinds,
  rangeRecordsMaxDefault,
  rateAtStart,
  readShareOf,
  spansOf,
  type Mix,
  type Stage,
  type ValueSize,
} from '../load/load-shape.ts';
import type { Workload } from '../load/result.ts';
import type { EngineChoice } from '../load/select-engine.ts';
import { parseTime } from './time.ts';

export const loadShapeOptions: readonly Option[] = [
  {
    flag: 'stages',
    placeholder: 'RATE:TIME,...',
    about:
      'Rates over time, instead of --rate and --duration. A stage goes in a straight line from the rate before it (0 ' +
      'before the first) to its own, over its time; one of 0s is a jump: 1000:0s,1000:30s holds 1000/s for 30 s',
  },
  {
    flag: 'mix',
    placeholder: 'KIND=WEIGHT,...',
    about:
      `Operations by weight, instead of --op: ${operationKinds.join(', ')}. insert is a PUT of a new key; modify is a ` +
      'GET and then a PUT of the same key, as one operation; range reads over the whole cluster',
  },
  {
    flag: 'workload',
    placeholder: Object.keys(namedWorkloads).join('|'),
    about:
      `YCSB's core workloads: mix, distribution and values of ${namedWorkloadValueBytes} bytes, which --distribution and ` +
      '--value-bytes change',
  },
  {
    flag: 'value-bytes',
    placeholder: 'SIZE[:WEIGHT],...',
    about: 'Size of the values that are written, or several by weight: 100:80,1KiB:15,64KiB:5; default 64',
  },
  {
    flag: 'range-records',
    placeholder: 'N',
    about: `A range has 1 to N records, evenly drawn; default ${rangeRecordsMaxDefault}`,
  },
];

const rateMax = 1_000_000;
const weightMax = 1_000_000;
const valueBytesMax = 256 * MIB;
const partsMax = 100;
const shapeFlags = ['stages', 'mix', 'workload', 'metrics-port'];

/**
 * The load that flags ask for: what `base` makes of those that every load has, and the shape. Throws `bad-setting` where
 * two flags contradict each other.
 */
export function shapedLoad<Load extends Omit<Workload, 'targets'>>(flags: Flags, base: (flags: Flags) => Load): Load {
  const stages = stagesOf(flags);
  const mix = mixOf(flags);
  const named = namedOf(flags);
  const plain = new Map([...(named?.defaults ?? []), ...flags]);
  const valueSizes = sizesOf(plain);
  if (valueSizes !== undefined) plain.set('value-bytes', String(meanBytes(valueSizes)));
  if (stages !== undefined && !flags.has('warmup') && rateAtStart(stages) === 0) plain.set('warmup', '0s');
  const load = base(plain);
  if (stages !== undefined && load.warmupMs > 0 && rateAtStart(stages) === 0) {
    refuseFlag(
      'warmup',
      flags.get('warmup') ?? '',
      '0s where --stages begin at 0: a jump first (1000:0s,...) makes room',
    );
  }
  const mixed = mix ?? named?.mix;
  const hasRanges = (mixed?.range ?? 0) > 0;
  const rangeRecordsMax = countFlag(flags, 'range-records', rateMax);
  if (rangeRecordsMax !== undefined && !hasRanges) {
    throw new KvorumError('bad-setting', '--range-records is of use only to a mix with ranges');
  }
  return {
    ...load,
    ...(mixed && { op: 'mixed', mix: mixed, readShare: readShareOf(mixed) }),
    ...(hasRanges && { rangeRecordsMax: rangeRecordsMax ?? rangeRecordsMaxDefault }),
    ...(valueSizes && { valueSizes }),
    ...(stages && { stages, rate: meanRate(stages), durationMs: (spansOf(stages).at(-1)?.toUs ?? 0) / 1000 }),
  };
}

/** Only the built-in generator knows shapes, and says what it does while it runs. Throws `bad-setting`. */
export function engineForShape(flags: Flags, engine: EngineChoice): EngineChoice {
  const own = shapeFlags.find((flag) => flags.has(flag));
  const needs = own ?? (String(flags.get('value-bytes') ?? '').includes(':') ? 'value-bytes' : undefined);
  if (needs === undefined) return engine;
  if (engine.name === 'wrk2')
    throw new KvorumError('bad-setting', `wrk2 does not know --${needs}: use --engine built-in`);
  return { ...engine, name: 'built-in' };
}

function stagesOf(flags: Flags): readonly Stage[] | undefined {
  const given = flags.get('stages');
  if (given === undefined) return undefined;
  const other = ['rate', 'duration', 'find-max'].find((flag) => flags.has(flag));
  if (other !== undefined) throw new KvorumError('bad-setting', `--stages say rates and times: leave --${other} out`);
  const stages = partsOf(given, ':').map(([rate, time]): Stage => {
    return { rate: numberOf(rate, rateMax), durationMs: parseTime(time) ?? NaN };
  });
  const areGood = stages.every(({ rate, durationMs }) => rate >= 0 && durationMs >= 0) && stages.length <= partsMax;
  if (areGood && meanRate(stages) > 0) return stages;
  return refuseFlag('stages', given, `RATE:TIME,... like 1000:30s,6000:2m,0:10s, rates to ${rateMax}, some load in it`);
}

function mixOf(flags: Flags): Mix | undefined {
  const given = flags.get('mix');
  if (given === undefined) return undefined;
  refuseBeside(flags, 'mix', ['op', 'read-share', 'workload']);
  const parts = partsOf(given, '=');
  const isKnown = parts.every(([kind]) => operationKinds.some((one) => one === kind));
  const weights = parts.map(([, weight]) => numberOf(weight, weightMax));
  const isOnce = new Set(parts.map(([kind]) => kind)).size === parts.length;
  if (isKnown && isOnce && weights.every((weight) => weight >= 0) && weights.some((weight) => weight > 0)) {
    return Object.fromEntries(parts.map(([kind], index) => [kind, weights[index]]));
  }
  return refuseFlag(
    'mix',
    given,
    `KIND=WEIGHT,... like get=80,put=15,delete=4,range=1, of ${operationKinds.join(', ')}`,
  );
}

function namedOf(flags: Flags): { readonly mix: Mix; readonly defaults: readonly [string, string][] } | undefined {
  const given = flags.get('workload');
  if (given === undefined) return undefined;
  refuseBeside(flags, 'workload', ['op', 'read-share']);
  const name = choiceFlag(flags, 'workload', Object.keys(namedWorkloads), '');
  const named = namedWorkloads[name];
  if (named === undefined) return undefined;
  const defaults: [string, string][] = [
    ['distribution', named.distribution],
    ['value-bytes', String(namedWorkloadValueBytes)],
  ];
  return { mix: named.mix, defaults };
}

/** Undefined where there is one size, which the flag's usual reading takes. */
function sizesOf(flags: Flags): readonly ValueSize[] | undefined {
  const given = String(flags.get('value-bytes') ?? '');
  if (/^\d*$/.test(given)) return undefined;
  const parts = given.includes(':') ? partsOf(given, ':') : [[given, '1'] as const];
  const sizes = parts.map(([size, weight]): ValueSize => {
    return { bytes: parseSize(size) ?? NaN, weight: numberOf(weight, weightMax) };
  });
  const areGood = sizes.every(({ bytes, weight }) => bytes >= 0 && bytes <= valueBytesMax && weight > 0);
  if (areGood && sizes.length <= partsMax) return sizes;
  return refuseFlag(
    'value-bytes',
    given,
    'bytes up to 256 MiB like 64 or 4KiB, or SIZE:WEIGHT,... like 100:80,64KiB:20',
  );
}

function refuseBeside(flags: Flags, flag: string, others: readonly string[]): void {
  const other = others.find((one) => flags.has(one));
  if (other === undefined) return;
  throw new KvorumError('bad-setting', `--${flag} says which operations are sent: leave --${other} out`);
}

/** `1000:30s,0:10s` as pairs; a part without the separator has an empty second half, which is no number. */
function partsOf(given: string | boolean, separator: string): (readonly [string, string])[] {
  return String(given)
    .split(',')
    .map((part) => {
      const at = part.indexOf(separator);
      return at < 0 ? [part.trim(), ''] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    });
}

/** NaN where it is no number from 0 to `max`. */
function numberOf(text: string, max: number): number {
  const value = /^\d{1,9}(?:\.\d{1,6})?$/.test(text) ? Number(text) : NaN;
  return value <= max ? value : NaN;
}
