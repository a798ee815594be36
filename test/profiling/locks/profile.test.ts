import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { PerfScriptParser, type FutexEvent } from '../../../profiling/locks/perf-script.ts';
import { LockTally } from '../../../profiling/locks/profile.ts';
import type { LockProfile } from '../../../profiling/result/locks.ts';
import { blockKind, roleOf, siteOf } from '../../../profiling/locks/sites.ts';
import { recordedPerf } from './recorded-perf.ts';

const processes = [{ name: 'n1', pid: 500 }];

function eventsOf(text: string): FutexEvent[] {
  const parser = new PerfScriptParser();
  return [...text.split('\n').flatMap((line) => parser.take(line)), ...parser.end()];
}

function profileOf(events: readonly FutexEvent[]): LockProfile {
  const tally = new LockTally();
  for (const event of events) tally.take(event);
  return tally.profile(processes);
}

function frames(...symbols: readonly string[]) {
  return symbols.map((symbol) => ({ symbol, file: '/usr/bin/node' }));
}

test('the parser gives each event with its stack, leaf first, whatever stands between', () => {
  const events = eventsOf(recordedPerf);
  assert.deepEqual(
    events.map(({ kind }) => kind).join(' '),
    'enter enter exit exit enter exit enter enter exit exit enter exit enter exit exit lost enter',
  );
  const [first] = events;
  assert.ok(first?.kind === 'enter');
  assert.deepEqual([first.pid, first.tid, first.address, first.operation], [500, 506, '0x7fc86800e040', 0]);
  assert.equal(first.timeUs, 13_186_580_550);
  assert.equal(first.frames.length, 10);
  assert.deepEqual(
    first.frames.slice(0, 3).map(({ symbol }) => symbol),
    ['__pthread_mutex_lock_full', 'mdb_txn_begin', 'EnvWrap::beginTxn'],
  );
  assert.match(first.frames[3]?.symbol ?? '', /\{lambda\(\)#1\}::operator\(\)$/);
  assert.match(first.frames[1]?.file ?? '', /@lmdb/);
});

test('text that is no perf output gives nothing', () => {
  assert.deepEqual(eventsOf('# ======== captured on\n\n\tnonsense (x)\nnode 1/2 [000] 1.2: cpu-clock: 1\n'), []);
});

test('waits are paired by thread; mutexes count by site and thread, condition variables as idleness', () => {
  const profile = profileOf(eventsOf(recordedPerf));
  const sites = profile.sites.map(({ site, count, totalUs }) => [site, count, Math.round(totalUs)]);
  assert.deepEqual(sites, [
    ['LMDB writer lock', 1, 2625],
    ['Node.js', 1, 400],
    // Its own stack is cut off: the wake on the same futex word tells.
    ['V8 platform', 1, 100],
  ]);
  assert.deepEqual(
    profile.sites[0]?.byThread.map(({ thread }) => thread),
    ['worker 2'],
  );
  assert.equal(Math.round(profile.contendedUs), 3125);
  assert.equal(Math.round(profile.idleUs), 200_000);
  assert.ok(Math.abs(profile.sites.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  assert.deepEqual([profile.lost, profile.unfinished], [3, 1]);
  assert.equal(Math.round(profile.durationMs), 319);
});

test('threads are called by what their stacks show, workers in the order of their start', () => {
  const { threads } = profileOf(eventsOf(recordedPerf));
  const names = Object.fromEntries(threads.map(({ tid, thread, process }) => [tid, `${process} ${thread}`]));
  assert.deepEqual(names, { 500: 'n1 main', 501: 'n1 V8 platform', 505: 'n1 worker 1', 506: 'n1 worker 2' });
  const platform = threads.find(({ tid }) => tid === 501);
  assert.deepEqual([platform?.contendedCount, platform?.idleCount], [1, 1]);
});

test('blockKind() tells mutexes from condition variables, and waits from wakes', () => {
  const cases = [
    [0x00, ['__pthread_mutex_lock_full'], 'contention'],
    [0x80, ['__GI___lll_lock_wait', 'uv_mutex_lock'], 'contention'],
    [0x80, ['__lll_lock_wait_private', 'malloc'], 'contention'],
    [0x86, ['__pthread_mutex_lock_full'], 'contention'],
    [0x189, ['__futex_abstimed_wait_common'], 'idle'],
    [0x89, ['__futex_abstimed_wait_common', 'pthread_cond_wait', 'uv_cond_wait', 'worker'], 'idle'],
    [0x89, ['__futex_abstimed_wait_common', '__pthread_rwlock_rdlock'], 'contention'],
    [0x189, ['__futex_abstimed_wait_common', 'pthread_mutex_timedlock'], 'contention'],
    [0x80, ['futex_wait', 'pthread_cond_wait@@GLIBC_2.3.2', 'uv_cond_wait'], 'idle'],
    [0x80, ['futex_wait', 'sem_wait'], 'idle'],
    [0x00, ['__pthread_clockjoin_ex', 'pthread_join'], 'idle'],
    [0x80, ['pthread_cond_signal@@GLIBC_2.3.2'], 'contention'],
    [0x01, ['__GI___lll_lock_wake'], undefined],
    [0x81, ['pthread_cond_signal@@GLIBC_2.3.2'], undefined],
    [0x85, ['x'], undefined],
  ] as const;
  for (const [operation, symbols, expected] of cases) {
    assert.equal(blockKind(operation, frames(...symbols)), expected, `${operation} ${symbols.join(' ')}`);
  }
});

test('siteOf() goes by the nearest frame that says whose lock it is', () => {
  const cases = [
    [['__GI___lll_lock_wait', 'malloc', 'v8::internal::Heap::AllocateRaw'], 'allocator'],
    [['__GI___lll_lock_wait', '_int_free', 'mdb_midl_free'], 'allocator'],
    [['__lll_lock_wait_private', '[unknown]'], 'allocator'],
    [['lock', 'mdb_env_sync0', 'EnvWrap::sync'], 'LMDB other'],
    [['lock', 'v8::internal::Scavenger::Process', 'v8::platform::DefaultJobWorker::Run'], 'V8 heap'],
    [['lock', 'v8::internal::ConcurrentMarking::JobTaskMajor::Run', 'v8::platform::DefaultJobWorker::Run'], 'V8 heap'],
    [
      ['lock', 'v8::platform::DefaultJobState::Join', 'v8::internal::ScavengerCollector::CollectGarbage'],
      'V8 platform',
    ],
    [['lock', 'v8::internal::OptimizingCompileDispatcher::Flush'], 'V8 other'],
    [['lock', 'uv_mutex_lock', 'uv_cond_wait', 'worker', 'start_thread'], 'libuv pool'],
    [['lock', 'uv_mutex_lock', 'post', 'uv__work_submit', 'uv_fs_read', 'node::fs::Read'], 'libuv pool'],
    [['lock', 'uv__async_io.part.0', 'uv__io_poll', 'uv_run'], 'libuv other'],
    [['lock', 'uv__io_poll', 'uv_run', 'node::SpinEventLoopInternal', 'node::worker::Worker::Run'], 'other'],
    [['lock', 'uv_async_send', 'node::worker::MessagePort::PostMessage'], 'libuv other'],
    [['lock', 'node::worker::MessagePort::OnMessage', 'uv__async_io.part.0'], 'Node.js'],
    [['lock', '[unknown]'], 'other'],
    [[], 'other'],
  ] as const;
  for (const [symbols, expected] of cases) assert.equal(siteOf(frames(...symbols)), expected, symbols.join(' '));
});

test('roleOf() reads from the root', () => {
  assert.equal(roleOf(frames('uv_run', 'node::NodeMainInstance::Run', 'node::Start', 'main')), 'main');
  assert.equal(roleOf(frames('uv_run', 'node::worker::Worker::Run', 'start_thread')), 'worker');
  assert.equal(roleOf(frames('node::(anonymous namespace)::PlatformWorkerThread', 'start_thread')), 'V8 platform');
  assert.equal(roleOf(frames('uv_cond_wait', 'worker', 'start_thread')), 'libuv pool');
  assert.equal(roleOf(frames('__GI___lll_lock_wait')), undefined);
});

interface Wait {
  readonly tid: number;
  readonly fromUs: number;
  readonly lengthUs: number;
  readonly isIdle: boolean;
}

const waits = fc.array(
  fc.record<Wait>({
    tid: fc.integer({ min: 501, max: 505 }),
    fromUs: fc.nat(1000),
    lengthUs: fc.nat(1000),
    isIdle: fc.boolean(),
  }),
  { maxLength: 40 },
);

test('however threads interleave, each wait counts once, for its thread and its kind', () => {
  fc.assert(
    fc.property(waits, (all) => {
      const clocks = new Map<number, number>();
      const events = all.flatMap(({ tid, fromUs, lengthUs, isIdle }): FutexEvent[] => {
        const begin = (clocks.get(tid) ?? 0) + fromUs;
        clocks.set(tid, begin + lengthUs);
        const operation = isIdle ? 0x189 : 0x80;
        const common = { pid: 500, tid };
        return [
          { kind: 'enter', ...common, timeUs: begin, address: '0x1', operation, frames: frames('malloc') },
          { kind: 'exit', ...common, timeUs: begin + lengthUs },
        ];
      });
      const order = events.map((event, index) => ({ event, index, at: event.kind === 'lost' ? 0 : event.timeUs }));
      order.sort((one, other) => one.at - other.at || one.index - other.index);
      const profile = profileOf(order.map(({ event }) => event));
      const sum = (isIdle: boolean): number =>
        all.reduce((total, wait) => total + (wait.isIdle === isIdle ? wait.lengthUs : 0), 0);
      assert.equal(profile.contendedUs, sum(false));
      assert.equal(profile.idleUs, sum(true));
      assert.equal(
        profile.stacks.reduce((total, { totalUs }) => total + totalUs, 0),
        sum(false),
      );
      assert.equal(profile.unfinished, 0);
    }),
  );
});
