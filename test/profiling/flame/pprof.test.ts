/** The export for pprof, read back by a decoder of its own after proto/profile.proto. */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Frame } from '../../../profiling/attribution/frame.ts';
import { treeOfStacks } from '../../../profiling/attribution/stack-tree.ts';
import { pprofOf, type PprofSource } from '../../../profiling/flame/pprof.ts';

type Field = readonly [number: number, value: number | Buffer];

/** The fields of a message: varints as numbers, what has a length as bytes. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wireType = tag & 7;
    assert.ok(wireType === 0 || wireType === 2, `wire type ${wireType}`);
    if (wireType === 0) {
      fields.push([tag >> 3, varint()]);
      continue;
    }
    const length = varint();
    assert.ok(at + length <= message.length, 'a field within its message');
    fields.push([tag >> 3, message.subarray(at, at + length)]);
    at += length;
  }
  return fields;
}

const messagesOf = (fields: readonly Field[], number: number): Field[][] =>
  fields.flatMap(([one, value]) => (one === number && typeof value !== 'number' ? [fieldsOf(value)] : []));
const intOf = (fields: readonly Field[], number: number): number =>
  fields.flatMap(([one, value]) => (one === number && typeof value === 'number' ? [value] : []))[0] ?? 0;
/** Packed integers, as a message whose tags are the integers. */
function packedOf(fields: readonly Field[], number: number): number[] {
  const bytes = fields.flatMap(([one, value]) => (one === number && typeof value !== 'number' ? [...value] : []));
  const values: number[] = [];
  let [value, factor] = [0, 1];
  for (const byte of bytes) {
    value += (byte & 127) * factor;
    factor *= 128;
    if (byte >= 128) continue;
    values.push(value);
    [value, factor] = [0, 1];
  }
  return values;
}

function decode(bytes: Uint8Array) {
  const profile = fieldsOf(gunzipSync(bytes));
  const strings = profile.flatMap(([number, value]) =>
    number === 6 && typeof value !== 'number' ? [value.toString('utf8')] : [],
  );
  const text = (index: number): string => strings[index] ?? assert.fail(`string ${index}`);
  const functions = new Map(
    messagesOf(profile, 5).map((one) => [intOf(one, 1), { name: text(intOf(one, 2)), file: text(intOf(one, 4)) }]),
  );
  const locations = new Map(
    messagesOf(profile, 4).map((one) => {
      const [line = []] = messagesOf(one, 4);
      const called = functions.get(intOf(line, 1)) ?? assert.fail('a function of each line');
      return [intOf(one, 1), `${called.name} ${called.file}:${intOf(line, 2)}`];
    }),
  );
  return {
    strings,
    types: messagesOf(profile, 1).map((one) => [text(intOf(one, 1)), text(intOf(one, 2))]),
    timeNanos: intOf(profile, 9),
    samples: messagesOf(profile, 2).map((one) => ({
      stack: packedOf(one, 1).map((id) => locations.get(id) ?? assert.fail(`location ${id}`)),
      values: packedOf(one, 2),
      labels: Object.fromEntries(messagesOf(one, 3).map((label) => [text(intOf(label, 1)), text(intOf(label, 2))])),
    })),
  };
}

const frame = (name: string, line: number | null = 7, file = 'src/node.ts'): Frame => ({
  name,
  origin: 'project',
  file,
  line,
});
const idle: Frame = { name: '(idle)', origin: 'v8', file: '', line: null };

const cpu: PprofSource = {
  kind: 'cpu',
  op: 'put',
  node: 'n1',
  thread: 'worker 1',
  tree: treeOfStacks([
    { frames: [frame('outer'), frame('inner', 300)], weight: 5_000_000_000 },
    { frames: [frame('outer')], weight: 2 },
    { frames: [idle], weight: 1000 },
  ]),
};
const heap: PprofSource = {
  ...cpu,
  kind: 'allocation',
  thread: 'main',
  tree: treeOfStacks([{ frames: [frame('outer'), frame('größer', null)], weight: 4096 }]),
};

test('stacks, values and labels come back as they went in, without idle time', () => {
  const startedMs = Date.UTC(2026, 2, 1);
  const { types, samples, timeNanos, strings } = decode(pprofOf([cpu, heap], { startedMs }));
  assert.equal(strings[0], '');
  assert.equal(timeNanos, startedMs * 1e6);
  assert.deepEqual(types, [
    ['cpu', 'nanoseconds'],
    ['alloc_space', 'bytes'],
  ]);
  const labels = { node: 'n1', thread: 'worker 1', load: 'put' };
  const byStack = new Map(samples.map((sample) => [sample.stack.join(' < '), sample]));
  assert.equal(samples.length, 3);
  assert.deepEqual(byStack.get('inner src/node.ts:300 < outer src/node.ts:7')?.values, [5_000_000_000_000, 0]);
  assert.deepEqual(byStack.get('outer src/node.ts:7')?.values, [2000, 0]);
  assert.deepEqual(byStack.get('outer src/node.ts:7')?.labels, labels);
  assert.deepEqual(byStack.get('größer src/node.ts:0 < outer src/node.ts:7')?.values, [0, 4096]);
  assert.equal(byStack.get('größer src/node.ts:0 < outer src/node.ts:7')?.labels['thread'], 'main');
});

test('without a sample it is still a profile', () => {
  const { types, samples } = decode(pprofOf([], { startedMs: 0 }));
  assert.deepEqual([types, samples], [[], []]);
});
