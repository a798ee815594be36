import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureTable, markdownTable } from '../../../profiling/report/markdown-table.ts';

test('markdownTable() keeps a bar inside a cell from starting another', () => {
  assert.equal(markdownTable(['A', 'B'], [['a|b', 'c']]), '| A | B |\n| --- | --- |\n| a\\|b | c |');
});

test('figureTable() has the figures to the right of their columns', () => {
  assert.equal(figureTable(['A', 'B'], [['a', '1']]), '| A | B |\n| --- | ---: |\n| a | 1 |');
});
