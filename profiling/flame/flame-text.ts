/** How weights, shares and searches are written and read. */
import { quantity } from '../result/quantity.ts';
import type { FlameGraph, FlameKind } from './flame-data.ts';

export const kindTitles: Readonly<Record<FlameKind, string>> = {
  cpu: 'CPU',
  allocation: 'Allocation',
  native: 'CPU with native code',
};

const searchCharactersMax = 200;

/** `1.24 ms`, `3.1 MiB`, `412 samples`. */
export function weightText(weight: number, kind: FlameKind): string {
  if (kind === 'native') return `${quantity(Math.round(weight), 'count')} samples`;
  return quantity(weight, kind === 'cpu' ? 'latency' : 'bytes');
}

/** The weight of one request, where the number of requests is known; samples have no such meaning. */
export function perRequestText(weight: number, { kind, requests }: FlameGraph): string {
  if (requests === 0 || kind === 'native') return '';
  return `${weightText(weight / requests, kind)} a request`;
}

/** `12.3%`; what is there and small is not written as nothing. */
export function shareText(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0%';
  const percent = (part / whole) * 100;
  return percent < 0.05 ? '<0.1%' : `${percent.toFixed(1)}%`;
}

/** `+12.3%`, `-4.0%`, `new`, `gone`: of the baseline's weight. */
export function changeText(now: number, before: number): string {
  if (before === 0) return now === 0 ? '' : 'new';
  if (now === 0) return 'gone';
  const percent = (now / before - 1) * 100;
  return `${percent < 0 ? '-' : '+'}${Math.abs(percent).toFixed(Math.abs(percent) < 10 ? 1 : 0)}%`;
}

/** A pattern where the text is one, else the text itself; undefined for nothing. Neither looks at upper and lower case. */
export function searchPattern(text: string): RegExp | undefined {
  const wanted = text.trim().slice(0, searchCharactersMax);
  if (wanted === '') return undefined;
  try {
    return new RegExp(wanted, 'i');
  } catch {
    return new RegExp(literal(wanted), 'i');
  }
}

/** The pattern of a text that is none. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
