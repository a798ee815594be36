/**
 * Results as JUnit files, which CI servers read: a test case for each thing that was asked. A failure is what was not
 * kept, an error is what could not be found out. Pure.
 */
import type { BenchResult, Verdict } from '../load/result.ts';
import type { ComparedStep, CompareResult, Gated } from '../result/compare.ts';
import { instrumentTitle, type ProfileResult, type ProfileRun } from '../result/profile.ts';
import { escapeHtml } from './html.ts';

export interface Suite {
  /** `kvorum bench`. */
  readonly name: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly group: string;
  readonly name: string;
  readonly kind: 'passed' | 'failure' | 'error' | 'skipped';
  readonly text: string;
  /** How long it took; absent where that is not known of it alone. */
  readonly seconds?: number;
}

export function junit({ name, startedAt, cases }: Suite): string {
  const countOf = (kind: Case['kind']): number => cases.filter((one) => one.kind === kind).length;
  const counts =
    `tests="${cases.length}" failures="${countOf('failure')}" errors="${countOf('error')}" ` +
    `skipped="${countOf('skipped')}"`;
  const suite = `<testsuite name="${attribute(name)}" timestamp="${attribute(startedAt)}" ${counts}>`;
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites ${counts}>`, suite, ...cases.map(caseElement)];
  return [...lines, '</testsuite>', '</testsuites>', ''].join('\n');
}

/** What was asked of a run; of a search, that any rate was held. */
export function benchJunit(result: BenchResult): string {
  return junit({ name: 'kvorum bench', startedAt: result.startedAt, cases: benchCases(result) });
}

/** A test case for each load under each step: failures are regressions, where these were asked for. */
export function compareJunit({ startedAt, steps, gate, failures = [], cutShort }: CompareResult): string {
  const failed = failures.map((text): Case => ({ group: 'runs', name: text, kind: 'error', text }));
  const cut: Case[] = cutShort
    ? [{ group: 'runs', name: 'the comparison ends', kind: 'error', text: 'interrupted' }]
    : [];
  const judged = gate === undefined ? steps.map(toldCase) : gate.loads.map(gatedCase);
  if (gate?.loads.length === 0) {
    judged.push({ group: 'runs', name: 'something is compared', kind: 'error', text: 'nothing could be compared' });
  }
  return junit({ name: 'kvorum compare', startedAt, cases: [...failed, ...cut, ...judged] });
}

/** A test case for each run of the load, that it kept its rate, and what could not be recorded or drawn. */
export function profileJunit({ startedAt, runs, failures = [], clinic = [], cutShort }: ProfileResult): string {
  const errorOf = (name: string, text: string): Case => ({ group: 'runs', name, kind: 'error', text });
  const cut = cutShort === true ? [errorOf('the profile ends', 'interrupted')] : [];
  const pages = clinic.map(({ title, path, note }): Case => {
    return { group: 'clinic', name: title, kind: path === null ? 'error' : 'passed', text: note };
  });
  const cases = [...cut, ...failures.map((text) => errorOf(text, text)), ...runs.flatMap(profileCases), ...pages];
  if (cases.length === 0) cases.push(errorOf('something is measured', 'nothing was measured'));
  return junit({ name: 'kvorum profile', startedAt, cases });
}

const loadOutcomes: Readonly<Record<Verdict['kind'], Case['kind']>> = {
  held: 'passed',
  missed: 'failure',
  failed: 'failure',
  invalid: 'error',
};

function profileCases({ op, overhead, failed = [] }: ProfileRun): Case[] {
  const group = op.toUpperCase();
  const [first, ...again] = overhead?.without ?? [];
  const named = [
    ...(first === undefined ? [] : [{ name: instrumentTitle('none'), load: first }]),
    ...(overhead?.instruments ?? []).map((load) => ({ name: instrumentTitle(load.instrument), load })),
    ...again.map((load) => ({ name: `${instrumentTitle('none')}, again`, load })),
  ];
  return [
    ...named.map(({ name, load }): Case => ({ group, name, kind: loadOutcomes[load.kind], text: load.verdict })),
    ...failed.map(({ instrument, reason }): Case => {
      return { group, name: `${instrumentTitle(instrument)} can be used`, kind: 'error', text: reason };
    }),
  ];
}

function toldCase({ from, to, op, sentences }: ComparedStep): Case {
  return { group: `${from} → ${to}`, name: op.toUpperCase(), kind: 'passed', text: sentences.join('; ') };
}

function gatedCase({ step: group, load: name, regressions, undecided }: Gated): Case {
  if (regressions.length > 0) return { group, name, kind: 'failure', text: regressions.join('; ') };
  return { group, name, kind: undecided === null ? 'passed' : 'error', text: undecided ?? 'no regression' };
}

function benchCases(result: BenchResult): Case[] {
  const { label: group, verdict, cutShort, search, failure, totals } = result;
  const seconds = totals.seconds;
  const failed: Case[] = failure === undefined ? [] : [{ group, name: 'all runs end', kind: 'error', text: failure }];
  if (cutShort) return [...failed, { group, name: 'the run ends', kind: 'error', text: 'interrupted', seconds }];
  if (search !== undefined) {
    const kind = verdict.kind === 'held' ? 'passed' : 'failure';
    return [{ group, name: 'a rate is held', kind, text: verdict.sentence, seconds }, ...failed];
  }
  const isValid = verdict.kind !== 'invalid';
  return [
    { group, name: 'the load generator keeps up', kind: isValid ? 'passed' : 'error', text: verdict.sentence, seconds },
    ...verdict.checks.map(({ asked, found, reason }): Case => {
      const kind = reason === null ? 'passed' : 'failure';
      return { group, name: asked, kind: isValid ? kind : 'skipped', text: reason ?? found };
    }),
  ];
}

function caseElement({ group, name, kind, text, seconds }: Case): string {
  const time = seconds === undefined ? '' : ` time="${seconds.toFixed(3)}"`;
  const open = `<testcase classname="${attribute(group)}" name="${attribute(name)}"${time}`;
  if (kind === 'passed') return `${open}><system-out>${attribute(text)}</system-out></testcase>`;
  return `${open}><${kind} message="${attribute(text)}"/></testcase>`;
}

/** XML has no control characters, not even as references. */
function attribute(text: string): string {
  return escapeHtml(text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd'));
}
