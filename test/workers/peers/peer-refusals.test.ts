import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerRefusals, type LogRefusals } from '../../../workers/peers/peer-refusals.ts';

test('refusals are all counted, and of each kind one in ten seconds is logged with how many it stands for', () => {
  const lines: Parameters<LogRefusals>[0][] = [];
  const refusals = new PeerRefusals((line) => lines.push(line));
  for (let at = 0; at < 10; at++) refusals.note('entry', `at ${at}`, at);
  refusals.note('link', 'garbage', 10);
  refusals.note('entry', 'later', 10_000);
  assert.deepEqual(lines, [
    { what: 'entry', reason: 'at 0', count: 1 },
    { what: 'link', reason: 'garbage', count: 1 },
    { what: 'entry', reason: 'later', count: 10 },
  ]);
  const { samples } = refusals.family({ thread: 'worker-1' });
  const counts = samples.map(({ labels, value }) => [labels?.['what'], value]);
  assert.deepEqual(Object.fromEntries(counts), { entry: 11, frame: 0, request: 0, link: 1, reply: 0 });
});
