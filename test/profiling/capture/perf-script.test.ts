/** `perf script` is read into stacks by thread. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPerfScript } from '../../../profiling/capture/perf-script.ts';
import { frameResolver } from '../../../profiling/capture/source-frames.ts';

const script = `
some name 71/72 10.500000: 
\t    7f01 JS:*post file:///opt/kvorum/dist/workers/peers/peer-connection.js:10:5 (/tmp/perf-71.map)
\t    7f02 JS:~ node:internal/timers:503:24 (/tmp/perf-71.map)
\t    7f03 JS:^request /opt/kvorum/node_modules/undici/lib/api.js:7:1 (/tmp/perf-71.map)
\t    7f04 v8::internal::(anonymous namespace)::Invoke (/usr/bin/node)

some name 71/72 11.250000: 
\t    7f99 JS:*post file:///opt/kvorum/dist/workers/peers/peer-connection.js:10:5 (/tmp/perf-71.map)
\t    7f02 JS:~ node:internal/timers:503:24 (/tmp/perf-71.map)
\t    7f03 JS:^request /opt/kvorum/node_modules/undici/lib/api.js:7:1 (/tmp/perf-71.map)
\t    7f04 v8::internal::(anonymous namespace)::Invoke (/usr/bin/node)

node 71/71 12.000000: 
\tffffff01 tcp_sendmsg+0x10 ([kernel.kallsyms])
\t    7f05 [unknown] (/usr/lib/libc.so.6)
\t    7f06 wasm-function[20]-20-turbofan (/tmp/perf-71.map)
\t    7f07 no object
`.trim();

test('readPerfScript() puts together what differs in addresses only, by thread', async () => {
  const { threads, seconds } = await readPerfScript(script.split('\n'), frameResolver());
  assert.equal(seconds, 1.5);
  assert.deepEqual(
    threads.map(({ pid, tid, samples, stacks }) => [pid, tid, samples, stacks.length]),
    [
      [71, 72, 2, 1],
      [71, 71, 1, 1],
    ],
  );
  assert.equal(threads[0]?.stacks[0]?.weight, 2);
});

test('readPerfScript() tells frames of our own, of packages, of Node, native ones and the kernel, root first', async () => {
  const { threads } = await readPerfScript(script.split('\n'), frameResolver());
  const frames = threads.flatMap(({ stacks }) => stacks.flatMap((stack) => stack.frames));
  assert.deepEqual(
    frames.map(({ origin, name, file }) => [origin, name, file]),
    [
      ['native', 'v8::internal::(anonymous namespace)::Invoke', '/usr/bin/node'],
      ['package', 'request', 'undici/lib/api.js'],
      ['node', '(anonymous)', 'node:internal/timers'],
      ['project', 'post', 'workers/peers/peer-connection.ts'],
      ['native', 'no object', ''],
      ['native', 'wasm-function[20]-20-turbofan', '/tmp/perf-71.map'],
      ['native', '[unknown]', '/usr/lib/libc.so.6'],
      ['kernel', 'tcp_sendmsg', ''],
    ],
  );
  assert.equal(frames[2]?.line, 503);
});

test('readPerfScript() reads nothing out of nothing, and skips what it does not know', async () => {
  assert.deepEqual((await readPerfScript([], frameResolver())).threads, []);
  assert.deepEqual((await readPerfScript(['what is this', '\t7f01 a (b)', ''], frameResolver())).threads, []);
});
