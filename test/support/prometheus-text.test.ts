import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrometheus } from './prometheus-text.ts';

test('parsePrometheus() gives families with their type, help and samples', () => {
  const text =
    '# HELP a_total What a is\n# TYPE a_total counter\na_total{thread="main"} 1.5\na_total{thread="worker-1"} 2\n' +
    '# HELP h How long\n# TYPE h histogram\nh_bucket{le="+Inf"} 3\nh_sum 0.5\nh_count 3\n# TYPE e gauge\n';
  const families = parsePrometheus(text);
  assert.deepEqual(families.get('a_total'), {
    type: 'counter',
    help: 'What a is',
    samples: [
      { name: 'a_total', labels: { thread: 'main' }, value: 1.5 },
      { name: 'a_total', labels: { thread: 'worker-1' }, value: 2 },
    ],
  });
  assert.deepEqual(
    families.get('h')?.samples.map(({ name, value }) => [name, value]),
    [
      ['h_bucket', 3],
      ['h_sum', 0.5],
      ['h_count', 3],
    ],
  );
  assert.deepEqual(families.get('e'), { type: 'gauge', help: '', samples: [] });
});

test('parsePrometheus() takes escaped label values, exponents and +Inf', () => {
  const families = parsePrometheus('# TYPE x gauge\nx{a="q\\"b\\\\n\\nl",b=""} 1e-9\nx +Inf\n');
  assert.deepEqual(families.get('x')?.samples, [
    { name: 'x', labels: { a: 'q"b\\n\nl', b: '' }, value: 1e-9 },
    { name: 'x', labels: {}, value: Infinity },
  ]);
});

for (const [what, text] of [
  ['nothing', ''],
  ['a last line that does not end', '# TYPE x gauge\nx 1'],
  ['a page of HTML', '<html></html>\n'],
  ['a sample before its type', 'x 1\n'],
  ['a sample of another family', '# TYPE x gauge\ny 1\n'],
  ['buckets of a gauge', '# TYPE x gauge\nx_bucket{le="1"} 1\n'],
  ['a family that comes twice', '# TYPE x gauge\n# TYPE x gauge\n'],
  ['an unknown type', '# TYPE x thing\n'],
  ['a name with a dash', '# TYPE x-y gauge\n'],
  ['a value that is no number', '# TYPE x gauge\nx one\n'],
  ['a sample without a value', '# TYPE x gauge\nx \n'],
  ['labels that do not close', '# TYPE x gauge\nx{a="1} 1\n'],
  ['a label without quotes', '# TYPE x gauge\nx{a=1} 1\n'],
  ['a label that comes twice', '# TYPE x gauge\nx{a="1",a="2"} 1\n'],
] as const) {
  test(`parsePrometheus() refuses ${what}`, () => assert.throws(() => parsePrometheus(text)));
}
