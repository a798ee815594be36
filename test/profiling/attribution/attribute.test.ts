/** Samples belong to the part of the nearest frame that the table knows; on stacks made by hand and on recorded ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attribute, unattributedShare, weightOf } from '../../../profiling/attribution/attribute.ts';
import type { Category } from '../../../profiling/attribution/categories.ts';
import type { Frame, FrameOrigin } from '../../../profiling/attribution/frame.ts';
import { treeOfCpuProfile, treeOfHeapProfile, treeOfStacks } from '../../../profiling/attribution/stack-tree.ts';
import { readPerfScript } from '../../../profiling/capture/perf-script.ts';
import { frameResolver } from '../../../profiling/capture/source-frames.ts';
import type { CpuProfile, HeapProfile } from '../../../src/waits/recording.ts';
import { fixtureJson, fixtureText } from '../../support/fixtures.ts';

/** `p:` a file of ours, `m:` a file of a package, `k:` the kernel, `v:` V8's names, `n:` native; else a module of Node. */
function frameOf(text: string): Frame {
  const origins: Record<string, FrameOrigin> = { p: 'project', m: 'package', k: 'kernel', v: 'v8', n: 'native' };
  const [, kind = '', rest = ''] = /^(?:([pmkvn]):)?(.*)$/.exec(text) ?? [];
  const origin = origins[kind] ?? 'node';
  const hasFile = origin === 'project' || origin === 'package' || origin === 'node';
  return { name: hasFile ? 'f' : rest, origin, file: hasFile ? rest : '', line: null };
}

const stack = (...frames: readonly string[]) => ({ frames: frames.map(frameOf), weight: 1 });

const cases: readonly [name: string, stack: ReturnType<typeof stack>, part: Category][] = [
  ['our own code is its file', stack('node:net', 'p:workers/coordinator/coordinator.ts'), 'coordination'],
  ['the nearest frame of ours wins', stack('p:workers/coordinator/coordinator.ts', 'p:src/formats/frame.ts'), 'codec'],
  ['a helper belongs to its caller', stack('p:workers/store/store.ts', 'p:src/domain/steps.ts'), 'storage'],
  ['sockets belong to who writes to them', stack('p:src/http/connection.ts', 'node:net', 'n:writev'), 'http-front'],
  ['sockets that undici writes to are the HTTP client', stack('m:undici/lib/core/util.js', 'node:net'), 'http-client'],
  ['lmdb is storage', stack('p:workers/store/store.ts', 'm:lmdb/write.js', 'n:(anonymous)'), 'storage'],
  ['msgpackr is storage', stack('m:msgpackr/pack.js'), 'storage'],
  ['piscina is dispatch', stack('p:src/node.ts', 'm:piscina/dist/index.js'), 'dispatch'],
  ['a package nobody knows belongs to its caller', stack('p:src/diagnostics/log.ts', 'm:@some/thing/a.js'), 'metrics'],
  ['node:http serves the replica port only', stack('node:net', 'node:_http_server'), 'replica-listener'],
  ['node:http2 is not that', stack('node:http2'), 'node-internals'],
  ['messages between threads are dispatch', stack('node:internal/per_context/messageport'), 'dispatch'],
  ['what nobody of ours called is Node', stack('node:internal/stream_base_commons', 'node:net'), 'node-internals'],
  ['V8 names its state', stack('v:(program)'), 'node-internals'],
  ['collections', stack('v:(garbage collector)'), 'gc'],
  [
    'collections that allocation sets off',
    stack('p:src/diagnostics/log.ts', 'n:v8::internal::Heap::CollectGarbage'),
    'gc',
  ],
  ['idle', stack('v:(idle)'), 'idle'],
  ['the profiler', stack('node:inspector', 'n:dispatch'), 'profiler'],
  ['lmdb by its symbols', stack('n:start_thread', 'n:mdb_env_sync'), 'storage'],
  ['files are written by the storage', stack('n:fdatasync', 'k:ext4_sync_file'), 'storage'],
  ['the kernel belongs to its caller', stack('m:undici/a.js', 'n:write', 'k:tcp_sendmsg'), 'http-client'],
  ['a worker is not all messages', stack('n:node::worker::Worker::Run', 'n:uv_run'), 'node-internals'],
  ['the compiler', stack('n:v8::internal::OptimizingCompileDispatcher::CompileNext'), 'compiler'],
  ['the kernel by itself', stack('k:asm_sysvec_apic_timer_interrupt'), 'node-internals'],
  ['nobody knows the nameless', stack('n:[unknown]'), 'unattributed'],
];

for (const [name, one, part] of cases) {
  test(`attribute() ${name}: ${part}`, () => {
    const attribution = attribute(treeOfStacks([one]));
    const selves = attribution.categories.filter(({ self }) => self > 0);
    assert.deepEqual(
      selves.map(({ category }) => category),
      [part],
    );
  });
}

test('totals count a sample once for each part on its stack, selves add up', () => {
  const tree = treeOfStacks([
    stack(
      'p:workers/coordinator/coordinator.ts',
      'p:workers/peers/peer-client.ts',
      'p:workers/coordinator/coordinator.ts',
    ),
    stack('p:workers/coordinator/coordinator.ts', 'p:workers/peers/peer-client.ts', 'm:undici/a.js'),
    stack('v:(idle)'),
  ]);
  const attribution = attribute(tree);
  assert.deepEqual(weightOf(attribution, 'coordination'), { category: 'coordination', self: 1, total: 2 });
  assert.deepEqual(weightOf(attribution, 'http-client'), { category: 'http-client', self: 1, total: 2 });
  assert.equal(attribution.weight, 3);
  assert.equal(attribution.work, 2, 'idle is no work');
});

test('network is what sockets take below the HTTP client and the replica listener', () => {
  const below = (...frames: readonly string[]): number => attribute(treeOfStacks([stack(...frames)])).network;
  assert.equal(below('m:undici/a.js', 'node:net', 'n:writev'), 1);
  assert.equal(below('node:_http_server', 'n:write', 'k:tcp_sendmsg'), 1);
  assert.equal(below('node:net', 'm:undici/a.js'), 0, 'a socket that calls undici is not below it');
  assert.equal(below('p:src/http/connection.ts', 'node:net', 'n:writev'), 0, 'clients are not peers');
});

test('time blocked in native storage code is left out by its factor', () => {
  const tree = treeOfStacks([
    stack('p:workers/store/store.ts', 'm:lmdb/write.js', 'n:(anonymous)'),
    stack('p:workers/store/store.ts'),
    stack('p:src/diagnostics/log.ts'),
  ]);
  const attribution = attribute(tree, { nativeStorageFactor: 0.25 });
  assert.equal(weightOf(attribution, 'storage').self, 1.25);
  assert.equal(attribution.nativeStorage, 0.25);
  assert.equal(attribution.work, 2.25);
});

test('what nobody owns is named, and its share is of the work', () => {
  const attribution = attribute(
    treeOfStacks([stack('p:workers/store/store.ts'), stack('n:[unknown]'), stack('v:(idle)')]),
  );
  assert.deepEqual(attribution.unknown, [{ label: '[unknown]', self: 1 }]);
  assert.equal(unattributedShare(attribution), 0.5);
});

test('a recorded CPU profile of a main thread: its parts, idle taken out, under 5% unattributed', () => {
  const attribution = attribute(treeOfCpuProfile(fixtureJson('put-main.cpuprofile') as CpuProfile, frameResolver()));
  expectParts(attribution, ['http-front', 'parse-admit', 'dispatch', 'node-internals', 'idle']);
  expectNothingOf(attribution, ['storage', 'http-client', 'replica-listener']);
  assert.ok(attribution.work < attribution.weight);
  assert.ok(unattributedShare(attribution) < 0.05);
});

test('a recorded CPU profile of a worker: its parts, sockets of its peers, under 5% unattributed', () => {
  const profile = fixtureJson('put-worker.cpuprofile') as CpuProfile;
  const attribution = attribute(treeOfCpuProfile(profile, frameResolver()));
  expectParts(attribution, ['storage', 'http-client', 'replica-listener', 'coordination', 'dispatch', 'codec']);
  expectNothingOf(attribution, ['http-front', 'parse-admit']);
  assert.ok(attribution.network > 0);
  assert.ok(attribution.nativeStorage > 0);
  assert.ok(unattributedShare(attribution) < 0.05);
  const micros = (profile.timeDeltas ?? []).slice(1).reduce((sum, delta) => sum + delta, 0);
  assert.ok(Math.abs(attribution.weight - micros) < 5000, `${attribution.weight} of ${micros} us`);
});

test('a recorded allocation profile of a worker: its parts, in bytes', () => {
  const profile = fixtureJson('put-worker.heapprofile') as HeapProfile;
  const attribution = attribute(treeOfHeapProfile(profile, frameResolver()));
  expectParts(attribution, ['storage', 'http-client', 'replica-listener', 'coordination', 'dispatch']);
  assert.ok(attribution.work > 1_000_000);
  assert.ok(unattributedShare(attribution) < 0.05);
});

test('recorded stacks of perf: JavaScript with TypeScript sources, native code, the kernel', async () => {
  const { threads, seconds } = await readPerfScript(fixtureText('put.perf.txt').split('\n'), frameResolver());
  assert.ok(threads.length >= 2 && seconds > 0);
  const stacks = threads.flatMap((thread) => thread.stacks);
  const attribution = attribute(treeOfStacks(stacks));
  assert.equal(
    attribution.weight,
    threads.reduce((sum, { samples }) => sum + samples, 0),
  );
  const frames = stacks.flatMap((one) => one.frames);
  for (const origin of ['project', 'node', 'native', 'kernel'] as const) {
    assert.ok(
      frames.some((frame) => frame.origin === origin),
      origin,
    );
  }
  assert.ok(frames.filter(({ origin }) => origin === 'project').every(({ file }) => file.endsWith('.ts')));
  assert.ok(unattributedShare(attribution) < 0.05, JSON.stringify(attribution.unknown));
});

function expectParts(attribution: ReturnType<typeof attribute>, parts: readonly Category[]): void {
  for (const part of parts) assert.ok(weightOf(attribution, part).self > 0, `nothing of ${part}`);
}

function expectNothingOf(attribution: ReturnType<typeof attribute>, parts: readonly Category[]): void {
  for (const part of parts) assert.equal(weightOf(attribution, part).self, 0, part);
}
