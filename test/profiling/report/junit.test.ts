/** JUnit files: what was asked as test cases, told apart as CI servers tell them, and XML whatever a label holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Check } from '../../../profiling/load/result.ts';
import { benchJunit, compareJunit, junit, profileJunit } from '../../../profiling/report/junit.ts';
import type { ObservedLoad, ProfileResult, ProfileRun } from '../../../profiling/result/profile.ts';
import { comparison } from '../../support/compare-results.ts';
import { bareRun, searchedRun, withVerdict } from '../../support/bench-results.ts';

const checks: readonly Check[] = [
  { asked: 'no errors', found: 'no errors', reason: null },
  { asked: 'p99 of at most 20 ms', found: 'p99 31.0 ms', reason: 'p99 31.0 ms over 20 ms' },
];

function casesOf(xml: string): (readonly [name: string | undefined, outcome: string | undefined])[] {
  const cases = xml.matchAll(/<testcase classname="[^"]*" name="([^"]*)"[^>]*>(?:<(failure|error|skipped))?/g);
  return [...cases].map(([, name, outcome]) => [name, outcome]);
}

test('benchJunit() has a case for each thing asked', () => {
  const run = bareRun();
  const xml = benchJunit({ ...run, verdict: { kind: 'missed', sentence: 'MISSED', checks } });
  assert.deepEqual(casesOf(xml), [
    ['the load generator keeps up', undefined],
    ['no errors', undefined],
    ['p99 of at most 20 ms', 'failure'],
  ]);
  assert.match(
    xml,
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites tests="3" failures="1" errors="0" skipped="0">\n/,
  );
  assert.match(xml, /<failure message="p99 31.0 ms over 20 ms"\/>/);
});

test('benchJunit() of an invalid run is an error and says nothing of the rest', () => {
  const xml = benchJunit({ ...bareRun(), verdict: { kind: 'invalid', sentence: 'INVALID', checks } });
  assert.deepEqual(
    casesOf(xml).map(([, outcome]) => outcome),
    ['error', 'skipped', 'skipped'],
  );
});

test('benchJunit() of a search asks for a rate held, and for runs that end', () => {
  const held = casesOf(benchJunit(searchedRun()));
  assert.deepEqual(held, [['a rate is held', undefined]]);
  const failed = withVerdict({ ...searchedRun(), failure: 'the node died' }, 'missed', 'HELD NONE');
  assert.deepEqual(casesOf(benchJunit(failed)), [
    ['a rate is held', 'failure'],
    ['all runs end', 'error'],
  ]);
  assert.deepEqual(casesOf(benchJunit(bareRun({ cutShort: true }))), [['the run ends', 'error']]);
});

test('compareJunit() has a case for each load of a gate, and errors where something failed or nothing was compared', () => {
  const load = { step: 'a → b', load: 'PUT at 1,000/s', regressions: [], undecided: null };
  const loads = [load, { ...load, regressions: ['slower'] }, { ...load, undecided: 'once' }];
  const result = { ...comparison(), failures: ['async: no room'], gate: { shareMax: 0.1, loads } };
  const outcomes = (xml: string) => casesOf(xml).map(([, outcome]) => outcome);
  assert.deepEqual(outcomes(compareJunit(result)), ['error', undefined, 'failure', 'error']);
  assert.deepEqual(outcomes(compareJunit({ ...result, gate: { shareMax: 0.1, loads: [] } })), ['error', 'error']);
  const { gate: _, ...ungated } = result;
  assert.equal(casesOf(compareJunit({ ...ungated, cutShort: true })).length, 2 + result.steps.length);
});

test('profileJunit() has a case for each run of the load, each instrument that failed and each page', () => {
  const load = (instrument: string, kind: ObservedLoad['kind']) =>
    ({ instrument, kind, verdict: `${kind} so much` }) as ObservedLoad;
  const overhead = {
    without: [load('none', 'held'), load('none', 'missed')],
    instruments: [load('cpu', 'invalid'), load('waits', 'failed')],
  };
  const failed = [{ instrument: 'perf', reason: 'not permitted' }];
  const runs = [{ op: 'put', overhead, failed }] as unknown as ProfileRun[];
  const clinic = [{ title: 'flame', path: null, note: 'no graph' }];
  const profile = { startedAt: '', runs, clinic } as unknown as ProfileResult;
  const xml = profileJunit(profile);
  assert.deepEqual(casesOf(xml), [
    ['no instrument', undefined],
    ['V8&#39;s CPU profiler, 1,000 us', 'error'],
    ['Wait table', 'failure'],
    ['no instrument, again', 'failure'],
    ['perf, cpu-clock at 999 Hz can be used', 'error'],
    ['flame', 'error'],
  ]);
  assert.match(xml, /<failure message="failed so much"\/>/);
  const cut = profileJunit({ ...profile, runs: [], clinic: [], cutShort: true, failures: ['n1 died'] });
  assert.deepEqual(casesOf(cut), [
    ['the profile ends', 'error'],
    ['n1 died', 'error'],
  ]);
  assert.deepEqual(casesOf(profileJunit({ ...profile, runs: [], clinic: [] })), [['something is measured', 'error']]);
});

test('junit() is XML whatever stands in it', () => {
  const text = '"<&>\u0007\u0000';
  const xml = junit({ name: text, startedAt: '', cases: [{ group: text, name: text, kind: 'failure', text }] });
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(xml, /[\u0000-\u0008]/);
  assert.match(xml, /message="&#34;&#60;&#38;&#62;\ufffd\ufffd"/);
});
