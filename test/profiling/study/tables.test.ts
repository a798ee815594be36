/** The study's tables: made of results as the commands leave them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { slugOf } from '../../../profiling/study/pictures.ts';
import { studyMarkdown, type StudyResults } from '../../../profiling/study/tables.ts';
import { parseWrk } from '../../../profiling/study/wrk-text.ts';
import { comparison } from '../../support/compare-results.ts';

const empty: StudyResults = {
  startedAt: '2026-03-01T12:00:00.000Z',
  isShort: false,
  compares: [],
  profiles: [],
  wrk: [],
  pictures: [],
  missing: [],
  commands: [],
};

const wrkText = `Running 2s test @ http://localhost:8080
  2 threads and 64 connections
  Latency Distribution
     50%    1.25ms
     75%    2.00ms
     99%   12.50ms
  25000 requests in 2.00s, 3.00MB read
Requests/sec:  12500.40
`;

test('maxima of both durabilities stand in one table, loads in one for each', () => {
  const compares = ['fsync', 'commit'].map((name) => ({ name, result: comparison() }));
  const text = studyMarkdown({ ...empty, compares });
  assert.match(text, /^\| {2}\| PUT\/s, fsync \| GET\/s, fsync \| PUT\/s, commit \| GET\/s, commit \|$/m);
  assert.match(text, /^\| sync \| 400\/s \(380 to 420\/s\) \|/m);
  assert.match(text, /^## The same load for all, commit$/m);
  // Of the rate that sync misses there is what was achieved, and no latency.
  assert.match(text, /^\| PUT sync \| 600\/s \| 0 of 3: \S+\/s \| {2}\| {2}\| {2}\|/m);
  assert.ok(!/SHORT|MISSING/.test(text));
});

test('a trial says so, and what is missing is named first', () => {
  const text = studyMarkdown({ ...empty, isShort: true, missing: ['profile of sync'] });
  assert.match(text, /^# .*\n\n\*\*SHORT\*\* .*\n\n\*\*MISSING\*\* profile of sync$/m);
});

test('what wrk prints is read, and what is not wrk is not', () => {
  assert.deepEqual(parseWrk(wrkText), { rate: 12_500.4, p50Us: 1250, p99Us: 12_500 });
  assert.equal(parseWrk('wrk: not found'), null);
  const wrk = [{ program: 'wrk', op: 'put', rateAsked: null, rate: 12_500.4, p50Us: 1250, p99Us: 12_500 }] as const;
  assert.match(studyMarkdown({ ...empty, wrk }), /^\| wrk \| PUT \| none \| 12,?\s?500 \| 1\.250 \| 12\.500 \|$/m);
});

test('pictures are called after their figures', () => {
  assert.equal(
    slugOf('\n  Highest rate held, PUT Median of the rounds; the bracket', 'Median of the rounds; the bracket'),
    'highest-rate-held-put',
  );
});
