/** The words of a profile: each sentence ends, nothing that was not measured is said, and what failed is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedLoad, ProfileResult, ProfileRun } from '../../../profiling/result/profile.ts';
import { overheadOf } from '../../../profiling/profile/overhead.ts';
import { bareRun } from '../../support/bench-results.ts';
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

test('profileSummary() says first what is invalid, missed, cut or failed, then what it costs without instruments', () => {
  const failed = [{ instrument: 'waits', reason: 'no room' }];
  const clinic = [{ title: 'flame', path: 'clinic/flame.html', note: 'holds a graph' }];
  const loads = [load('none', 100), { ...load('cpu', 108), kind: 'invalid' as const }, load('none', 120)];
  const { environment } = bareRun();
  const parts = { runs: [{ ...run, failed, overhead: overheadOf(loads) }], clinic, environment };
  assert.equal(
    profileSummary(result({ ...parts, cutShort: true, failures: ['get: the node died'] })),
    'CUT SHORT: Only a part was measured.\n' +
      'FAILED: get: the node died\n' +
      'INVALID: PUT: the load generator could not keep the rate, so figures of these runs say little: ' +
      "V8's CPU profiler, 1,000 us.\n" +
      'Cluster: 3 nodes, batched, fsync, n1: 90,000 keys and 10,000 in the log, 33 MiB on ext4, log-segment-bytes 8MiB\n' +
      'PUT at 4,200/s, batched:\n' +
      '  Without instruments a PUT takes 110 us of CPU, p50 0.00 ms, p99 0.00 ms.\n' +
      "  CPU a request under each instrument, against none: V8's CPU profiler, 1,000 us -1.8%.\n" +
      '  Not measured, Wait table: no room\n' +
      'clinic flame: clinic/flame.html (holds a graph)\n',
  );
});

test('profileSummary() says that all runs were valid', () => {
  const overhead = overheadOf([load('none', 100), load('cpu', 108)]);
  const { environment } = bareRun();
  assert.match(
    profileSummary(result({ runs: [{ ...run, overhead }], environment })),
    /^VALID: all 2 runs kept their rate without an error\.\n/,
  );
});
