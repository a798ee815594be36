/** A comparison on a terminal. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { compareText } from '../../../profiling/cli/compare-table.ts';
import { comparison } from '../../support/compare-results.ts';

test('compareText() begins with what failed, and has what was measured', () => {
  const text = compareText({ ...comparison(), failures: ['async: Cannot fill: no room\u001b[2J'] });
  assert.match(text, /FAILED:.* async: Cannot fill: no room\\x1b\[2J\n\nHighest rates held/);
  assert.ok(!compareText(comparison()).includes('FAILED'));
});
