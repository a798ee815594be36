/**
 * What an instrument costs: a run under it beside runs of the same load without any, in the same session. Pure.
 */
import { figuresOf } from '../compare/figures.ts';
import type { BenchResult } from '../load/result.ts';
import { errorCount } from '../load/verdict.ts';
import type { ObservedLoad, Overhead } from '../result/profile.ts';

export const withoutInstrument = 'none';

export function observedLoad(instrument: string, result: BenchResult): ObservedLoad {
  const { totals, verdict } = result;
  const { achieved, p50Us, p99Us, cpuUs } = figuresOf(result);
  return {
    instrument,
    rate: achieved ?? 0,
    p50Us: p50Us ?? 0,
    p99Us: p99Us ?? 0,
    cpuUsPerRequest: cpuUs,
    failed: errorCount({ totals }),
    verdict: verdict.sentence,
    kind: verdict.kind,
  };
}

export function overheadOf(loads: readonly ObservedLoad[]): Overhead {
  const without = loads.filter(({ instrument }) => instrument === withoutInstrument);
  const base = {
    rate: meanOf(without.map(({ rate }) => rate)),
    p99Us: meanOf(without.map(({ p99Us }) => p99Us)),
    cpuUs: meanOf(without.map(({ cpuUsPerRequest }) => cpuUsPerRequest)),
  };
  const instruments = loads
    .filter(({ instrument }) => instrument !== withoutInstrument)
    .map((load) => ({
      ...load,
      rateChange: change(load.rate, base.rate),
      p99Change: change(load.p99Us, base.p99Us),
      cpuChange: change(load.cpuUsPerRequest, base.cpuUs),
    }));
  return { without, instruments };
}

function change(value: number | null, base: number | null): number | null {
  return value === null || base === null || base === 0 ? null : value / base - 1;
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0 || known.length < values.length) return null;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
