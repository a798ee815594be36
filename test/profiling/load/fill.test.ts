/** A fill comes to its end at whatever rate the nodes take, and says what to change where they take nothing. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fillKeys } from '../../../profiling/load/fill.ts';
import type { FillProgress } from '../../../profiling/load/fill-progress.ts';
import { requestServer, workloadOf } from '../../support/load.ts';

const refusal = (status: string, field = ''): string => `HTTP/1.1 ${status}\r\n${field}content-length: 0\r\n\r\n`;
const quorumMissed = refusal('504 Not Enough Replicas');

function keyOf(line: string): string {
  return /id=(\w+)/.exec(line)?.[1] ?? '';
}

test('fillKeys() goes on after however many 504s, until every key was accepted', async (t) => {
  const accepted: string[] = [];
  let refusals = 0;
  const url = await requestServer(t, ({ line, reply }) => {
    if (refusals < 100) {
      refusals++;
      return reply(quorumMissed);
    }
    accepted.push(keyOf(line));
    return reply();
  });
  let last: FillProgress | undefined;
  const onProgress = (progress: FillProgress): void => void (last = progress);
  const workload = workloadOf({ keys: 5, connections: 4, targets: [url] });
  assert.equal(await fillKeys(workload, { onProgress, pauseMsMax: 5 }), true);
  assert.deepEqual(accepted.toSorted(), ['k000000', 'k000001', 'k000002', 'k000003', 'k000004']);
  assert.deepEqual([last?.filled, last?.keys, last?.refused], [5, 5, 100]);
});

test('fillKeys() sends less at once to a node that refuses what is too much', async (t) => {
  const takes = 3;
  let inFlight = 0;
  let refusals = 0;
  const accepted = new Set<string>();
  const url = await requestServer(t, ({ line, reply }) => {
    if (inFlight === takes) {
      refusals++;
      return reply(quorumMissed);
    }
    inFlight++;
    setTimeout(() => {
      inFlight--;
      accepted.add(keyOf(line));
      reply();
    }, 2);
  });
  const keys = 300;
  const workload = workloadOf({ keys, connections: 64, targets: [url] });
  assert.equal(await fillKeys(workload, { pauseMsMax: 5 }), true);
  assert.equal(accepted.size, keys);
  // 64 at once without regard to the answers would have 61 of each 64 refused.
  assert.ok(refusals > 0 && refusals < keys, `${refusals} refusals`);
});

test('fillKeys() comes again when the node said', async (t) => {
  const seenMs: number[] = [];
  const url = await requestServer(t, ({ reply }) => {
    seenMs.push(performance.now());
    reply(seenMs.length === 1 ? refusal('503 Service Unavailable', 'retry-after: 1\r\n') : undefined);
  });
  assert.equal(await fillKeys(workloadOf({ keys: 1, targets: [url] })), true);
  assert.ok((seenMs[1] ?? 0) - (seenMs[0] ?? 0) >= 1000, seenMs.join(', '));
});

test('fillKeys() leaves keys that one node does not take to the others', async (t) => {
  const accepted = new Set<string>();
  const good = await requestServer(t, ({ line, reply }) => {
    accepted.add(keyOf(line));
    reply();
  });
  const bad = await requestServer(t, ({ reply }) => reply(quorumMissed));
  const workload = workloadOf({ keys: 50, connections: 4, targets: [bad, good] });
  assert.equal(await fillKeys(workload), true);
  assert.equal(accepted.size, 50);
});

for (const [what, answer, cause] of [
  ['refuses', quorumMissed, /\(\d+ requests refused, the last: answers 504\)/],
  ['does not answer', '', /\(no answer\)/],
] as const) {
  test(`fillKeys() gives up where the node ${what} all the time, and says what to change`, async (t) => {
    const url = await requestServer(t, ({ reply }) => void (answer !== '' && reply(answer)));
    await assert.rejects(
      fillKeys(workloadOf({ keys: 7, targets: [url] }), { timeoutMs: 300, pauseMsMax: 20 }),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'node-unreachable');
        assert.ok(error.message.startsWith(`Cannot fill: ${url}: nothing accepted for 0.3 s `), error.message);
        assert.match(error.message, cause);
        for (const told of ['0 of 7 keys', '--keys', '--durability commit', '--timeout-ms', '--fill-timeout']) {
          assert.ok(error.message.includes(told), `${told} is not in ${error.message}`);
        }
        return true;
      },
    );
  });
}

test('fillKeys() does not try again what is refused for good', async (t) => {
  let requests = 0;
  const url = await requestServer(t, ({ reply }) => {
    requests++;
    reply(refusal('413 Content Too Large'));
  });
  const failed = fillKeys(workloadOf({ keys: 1, targets: [url] }));
  await assert.rejects(failed, { message: `Cannot fill: ${url}: answers 413` });
  assert.equal(requests, 1);
});

test('fillKeys() ends at once at the signal, also where nothing is answered', async (t) => {
  const stop = new AbortController();
  const url = await requestServer(t, () => stop.abort());
  assert.equal(await fillKeys(workloadOf({ targets: [url] }), { signal: stop.signal }), false);
  assert.equal(await fillKeys(workloadOf({ targets: [url] }), { signal: stop.signal }), false);
});
