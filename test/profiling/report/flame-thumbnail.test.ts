/** The flame graph in small: boxes as wide as their shares, in the colours of their parts, leading to the graph. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flameData } from '../../../profiling/flame/flame-data.ts';
import { flameThumbnail } from '../../../profiling/report/flame-thumbnail.ts';
import { putRun } from '../flame/flame-fixture.ts';

test('flameThumbnail() draws every frame that can be seen, below its caller, and leads to the graph', () => {
  const data = flameData(putRun);
  const { text } = flameThumbnail('put', data) ?? assert.fail();
  assert.match(text, /^<a class="thumbnail" href="#flame-put">/);
  const boxes = [...text.matchAll(/left:([\d.]+)%;width:([\d.]+)%;top:(\d+)px;background:var\(--flame-([\w-]+)\)/g)];
  const [graph] = data.graphs;
  assert.ok(graph !== undefined);
  assert.equal(boxes.length, graph.depth.length);
  assert.deepEqual(boxes[0]?.slice(1, 4), ['0.00', '100.00', '0']);
  for (const [, left, width] of boxes) assert.ok(Number(left) + Number(width) <= 100.01, `${left} and ${width}`);
  assert.ok(boxes.some(([, , , , part]) => part === 'storage'));
});

test('flameThumbnail() of nothing is nothing', () => {
  assert.equal(flameThumbnail('put', flameData({ label: 'none', sources: [], requests: {} })), null);
});
