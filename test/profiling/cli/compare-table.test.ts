/** A comparison on a terminal. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { compareText } from '../../../profiling/cli/compare-table.ts';
import { withVerdict } from '../../support/bench-results.ts';
import { comparison } from '../../support/compare-results.ts';

test('compareText() begins with what failed, and has what was measured', () => {
  const text = compareText({ ...comparison(), failures: ['async: Cannot fill: no room\u001b[2J'] });
  assert.match(text, /FAILED:.* async: Cannot fill: no room\\x1b\[2J\n/);
  assert.ok(text.indexOf('FAILED') < text.indexOf('Highest rates held'));
  assert.ok(!compareText(comparison()).includes('FAILED'));
});

test('compareText() names first the runs that are invalid or missed their rate', () => {
  const run = comparison({
    change: ({ result, subject }) => (subject === 'sync' ? withVerdict(result, 'invalid', 'X') : result),
  });
  const text = compareText(run);
  assert.match(text, /^INVALID: .*: sync PUT at 200\/s \(3 of 3 rounds\), /);
  assert.ok(text.indexOf('INVALID') < text.indexOf('Highest rates held'));
  assert.match(text, /\nsync: 3 nodes, sync, fsync, n1: 90,000 keys and 10,000 in the log, 33 MiB on ext4/);
});
