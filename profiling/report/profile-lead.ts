/**
 * What a profile's page begins with: whether it is valid, what a request costs without an instrument, one bar of its parts,
 * one of where it waits, the flame graph in small, and advice.
 */
import { categoryTitles } from '../attribution/categories.ts';
import { sumOfParts } from '../attribution/costs.ts';
import type { FlameData } from '../flame/flame-data.ts';
import type { Verdict } from '../load/result.ts';
import { milliseconds } from '../load/verdict.ts';
import { instrumentTitle, type ObservedLoad, type ProfileResult, type ProfileRun } from '../result/profile.ts';
import { quantity } from '../result/quantity.ts';
import { stackedBars, type BarPart } from './bars.ts';
import { keyFigures, list, note, quiet, table, text, type Block, type Note } from './blocks.ts';
import { flameThumbnail } from './flame-thumbnail.ts';
import { adviceOf } from './profile-advice.ts';
import { nativeCpuUs, replicationOf, requestCosts, showBytes, showMicros, wholeCpuUs } from './profile-sentences.ts';
import { meanWaits } from './waits-section.ts';

const seriesMax = 8;

/** Before all figures: what was cut, what failed, which runs are invalid or missed; or that all were valid. */
export function validityBlocks(result: ProfileResult): Block {
  const { cutShort, failures = [], runs } = result;
  const notes = runs.flatMap(runNotes);
  const count = runs.reduce((sum, run) => sum + loadsOf(run).length, 0);
  const isValid = notes.length === 0 && count > 0;
  return [
    cutShort === true && note('CUT SHORT', 'Only a part was measured.'),
    failures.map((failure) => note('FAILED', failure)),
    notes,
    isValid && text(`VALID: all ${count} runs kept their rate without an error.`),
  ];
}

const meanings: readonly (readonly [kind: Verdict['kind'], word: string, what: string])[] = [
  ['invalid', 'INVALID', 'the load generator could not keep the rate, so figures of these runs say little'],
  ['failed', 'ERRORS', 'not all requests were successful'],
  ['missed', 'MISSED', 'the cluster did not keep the rate, so latencies say how long the run was'],
];

function runNotes(run: ProfileRun): Note[] {
  return meanings.flatMap(([kind, word, what]) => {
    const named = loadsOf(run).filter((load) => load.kind === kind);
    if (named.length === 0) return [];
    const runs = named.map(({ instrument }) => instrumentTitle(instrument)).join('; ');
    return [note(word, `${run.op.toUpperCase()}: ${what}: ${runs}.`)];
  });
}

function loadsOf({ overhead }: ProfileRun): ObservedLoad[] {
  return overhead === undefined ? [] : [...overhead.without, ...overhead.instruments];
}

/** `A PUT costs 106 us of CPU, p50 1.20 ms, p99 4.10 ms, without instruments`; nothing where that was not measured. */
export function costSentence(run: ProfileRun): string | undefined {
  const { cpuUs, latency } = withoutInstruments(run);
  if (latency === undefined) return undefined;
  const cpu = cpuUs === null ? '' : `${showMicros(cpuUs)} of CPU, `;
  const percentiles = `p50 ${milliseconds(latency.p50Us)}, p99 ${milliseconds(latency.p99Us)}`;
  return `Without instruments a ${run.op.toUpperCase()} takes ${cpu}${percentiles}.`;
}

/** Of one operation. `flame` is drawn in small, and leads to the graph itself. */
export function leadBlocks(run: ProfileRun, flame: FlameData | undefined): Block {
  return [
    keyFiguresOf(run),
    partsBar(run),
    meanWaits(run.waits),
    flame !== undefined && flameThumbnail(run.op, flame),
    list(adviceOf(run)),
  ];
}

/** CPU is the mean of the first run without an instrument and of the last. */
function withoutInstruments({ overhead, bench }: ProfileRun) {
  const cpu = (overhead?.without ?? []).map(({ cpuUsPerRequest }) => cpuUsPerRequest);
  const known = cpu.filter((us) => us !== null);
  const cpuUs =
    known.length === 0 || known.length < cpu.length ? null : known.reduce((sum, us) => sum + us, 0) / known.length;
  const [latency] = overhead?.without ?? [];
  return { cpuUs, latency, known, bench };
}

function keyFiguresOf(run: ProfileRun): Block {
  const { cpuUs, latency, known } = withoutInstruments(run);
  const { heapBytes, offHeapBytes } = requestCosts(run);
  const bytes = (value: number | null): string => (value === null ? quantity(null, 'bytes') : showBytes(value));
  const ends = known.length > 1 ? `: first ${quantity(known[0], 'us')}, last ${quantity(known.at(-1), 'us')}` : '';
  return keyFigures([
    ['CPU a request', quantity(cpuUs, 'us'), `without instruments, all nodes${ends}`],
    ['Latency p50', quantity(latency?.p50Us, 'latency'), 'without instruments'],
    ['Latency p99', quantity(latency?.p99Us, 'latency'), 'without instruments'],
    ['Replication', quantity(replicationShare(run), 'share'), 'of CPU'],
    ['Heap a request', bytes(heapBytes), 'allocated, all nodes'],
    ['Off the heap', bytes(offHeapBytes), 'at least, a request'],
  ]);
}

/** Coordination, the client between nodes and the replica listener, of the CPU of all threads. */
function replicationShare({ cpu }: ProfileRun): number | null {
  const wholeUs = cpu === undefined ? 0 : wholeCpuUs(cpu);
  return cpu === undefined || wholeUs === 0 ? null : replicationOf(sumOfParts(cpu.threads)) / wholeUs;
}

/** The largest parts of a request's CPU, the rest together. */
function partsBar({ op, cpu }: ProfileRun): Block {
  if (cpu === undefined || cpu.requests === 0) return null;
  const { requests } = cpu;
  const own = sumOfParts(cpu.threads).map(({ part, self }) => bar(categoryTitles[part], self / requests));
  const all = [...own, bar('Threads without JavaScript', nativeCpuUs(cpu) / requests)]
    .filter(({ value }) => value > 0)
    .toSorted((one, other) => other.value - one.value);
  const shown = all.slice(0, seriesMax - 1);
  const rest = all.slice(seriesMax - 1).reduce((sum, { value }) => sum + value, 0);
  const parts = rest > 0 ? [...shown, bar('All else', rest)] : shown;
  const whole = parts.reduce((sum, { value }) => sum + value, 0);
  return stackedBars(
    {
      title: 'CPU of a request by part',
      summary: "Under V8's profiler, all nodes together.",
      unit: 'us',
      colourBy: 'section',
      names: parts.map(({ section }) => section),
      bars: [{ label: op.toUpperCase(), parts }],
    },
    table(`CPU of one ${op.toUpperCase()} by part`, parts, [
      ['Part', 'text', ({ section }) => section],
      ['CPU', 'us', ({ value }) => value],
      ['Share', 'share', ({ value }) => value / whole],
    ]),
  );
}

function bar(section: string, value: number): BarPart {
  return { section, name: '', value };
}

/** The state of the cluster before the load. */
export function stateLine(sentence: string): Block {
  return quiet(`The cluster before the load: ${sentence}.`);
}
