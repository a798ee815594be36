/** Which operations are taken in, and why others are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission, type Lane } from '../../src/dispatch/admission.ts';

function admissionOf(operationsInFlightMax = 10_000) {
  const state = { isResuming: false, pausedAt: 0 };
  const pulse = { isResuming: () => state.isResuming, hasPausedSince: (time: number) => time < state.pausedAt };
  return { admission: new Admission({ operationsInFlightMax, timeoutMs: 1000, pulse }), state };
}

/** So many operations take so long each, within one interval that begins at `from`; none is in flight after it. */
function serve(admission: Admission, lane: Lane, { count, tookMs, from }: Record<'count' | 'tookMs' | 'from', number>) {
  for (let index = 0; index < count; index++) {
    admission.begin(lane);
    admission.end(lane, from - tookMs, from, true);
  }
}

test('no more is taken in than the bound, reads and writes together', () => {
  const { admission } = admissionOf(2);
  admission.begin('read');
  assert.equal(admission.refusal('write', 0), undefined);
  admission.begin('write');
  assert.deepEqual([admission.refusal('write', 0), admission.refusal('read', 0)], ['too-many', 'too-many']);
  admission.end('read', 0, 1, false);
  assert.equal(admission.refusal('write', 1), undefined);
});

test('writes that wait are bounded by time, reads beside them are not, and both again are free when the queue has gone', () => {
  const { admission } = admissionOf();
  admission.refusal('write', 1000);
  serve(admission, 'write', { count: 100, tookMs: 300, from: 1050 });
  serve(admission, 'read', { count: 100, tookMs: 1, from: 1050 });
  for (let index = 0; index < 200; index++) admission.begin('write');
  // 100 in 100 ms are 200 in the fifth of the deadline that a queue may stand.
  assert.equal(admission.refusal('write', 1100), 'too-late');
  assert.equal(admission.refusal('read', 1100), undefined);
  admission.end('write', 1000, 1110, false);
  assert.equal(admission.refusal('write', 1110), undefined);
  serve(admission, 'write', { count: 1, tookMs: 2, from: 1150 });
  for (let index = 0; index < 1000; index++) admission.begin('write');
  assert.equal(admission.refusal('write', 1200), undefined);
});

test('what ends without its quorum says nothing of how fast the node is', () => {
  const { admission } = admissionOf();
  admission.refusal('write', 1000);
  for (let index = 0; index < 500; index++) {
    admission.begin('write');
    admission.end('write', 0, 1050, false);
  }
  for (let index = 0; index < 500; index++) admission.begin('write');
  assert.equal(admission.refusal('write', 1200), undefined);
});

test('after a pause nothing is taken in that came before or may have, and each refusal is counted by its reason', () => {
  const { admission, state } = admissionOf();
  state.isResuming = true;
  assert.equal(admission.refusal('write', 5000), 'paused');
  state.isResuming = false;
  state.pausedAt = 5000;
  assert.equal(admission.refusal('write', 6000), undefined);
  assert.equal(admission.refusal('write', 6000, 4999), 'paused');
  assert.equal(admission.refusal('write', 6000, 5001), undefined);
  const counts = admission.metrics().samples.map(({ labels, value }) => [labels['reason'], value]);
  assert.deepEqual(counts, [
    ['too-many', 0],
    ['too-late', 0],
    ['paused', 2],
  ]);
});
