/** The words of a profile: each sentence ends, nothing that was not measured is said, and what failed is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedLoad, ProfileResult, ProfileRun } from '../../../profiling/result/profile.ts';
import { overheadOf } from '../../../profiling/profile/overhead.ts';
import { profileSummary, runSentences, runTitle, signed } from '../../../profiling/report/profile-summary.ts';

const run: ProfileRun = { op: 'put', mode: 'batched', rateAsked: 4200 };

function load(instrument: string, cpuUsPerRequest: number | null): ObservedLoad {
  return { instrument, rate: 1, p50Us: 1, p99Us: 1, cpuUsPerRequest, failed: 0, verdict: 'HELD', kind: 'held' };
}

function result(parts: Partial<ProfileResult>): ProfileResult {
  return { runs: [run], files: [], ...parts } as unknown as ProfileResult;
}

test('signed() has a sign, and none where it rounds to nothing', () => {
  const shares = [0.08, -0.08, 0.0801, 0, -0.0004, 0.0004, 1.5].map(signed);
  assert.deepEqual(shares, ['+8%', '-8%', '+8%', '0%', '0%', '0%', '+150%']);
});

test('runTitle() says operation, rate and mode, and no rate where the load came from elsewhere', () => {
  assert.equal(runTitle(run), 'PUT at 4,200/s, batched');
  assert.equal(runTitle({ ...run, op: 'mixed', rateAsked: null }), 'MIXED, batched');
});

test('runSentences() says nothing of what was not measured', () => {
  assert.deepEqual(runSentences(run), []);
  const overhead = overheadOf([load('none', null), load('cpu', null)]);
  assert.deepEqual(runSentences({ ...run, overhead }), []);
});

test('runSentences() says what the instruments cost in CPU', () => {
  const overhead = overheadOf([load('none', 100), load('cpu', 108), load('waits', 99.99), load('none', 100)]);
  assert.deepEqual(runSentences({ ...run, overhead }), [
    "CPU a request under each instrument, against none: V8's CPU profiler, 1,000 us +8%; Wait table 0%.",
  ]);
});

test('runSentences() says of locks how long, and whose', () => {
  const locks = { durationMs: 2000, contendedUs: 0, sites: [] } as unknown as NonNullable<ProfileRun['locks']>;
  assert.deepEqual(runSentences({ ...run, locks }), ['No thread was seen to wait for a mutex.']);
  const sites = [{ site: 'allocator', share: 0.75 }] as unknown as typeof locks.sites;
  assert.deepEqual(runSentences({ ...run, locks: { ...locks, contendedUs: 6000, sites } }), [
    'Threads waited 3 ms a second for mutexes that others held; 75% of it is allocator.',
  ]);
});

test('profileSummary() lists failures, the pages of clinic and that it was cut short', () => {
  const failed = [{ instrument: 'waits', reason: 'no room' }];
  const clinic = [{ title: 'flame', path: 'clinic/flame.html', note: 'holds a graph' }];
  assert.equal(
    profileSummary(result({ runs: [{ ...run, failed }], clinic, cutShort: true })),
    'PUT at 4,200/s, batched:\n' +
      '  Not measured, Wait table: no room\n' +
      'clinic flame: clinic/flame.html (holds a graph)\n' +
      'Cut short: only what is said above was measured\n',
  );
});
