/** How many tasks run and wait, in which order, and how each ends. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { TaskBounds, TaskQueue, type TaskOutcome } from '../../src/dispatch/task-queue.ts';

interface Running {
  readonly name: string;
  readonly end: (result: string) => void;
  readonly fail: (error: Error) => void;
}

/** A queue whose tasks end when the test says so. */
function queueOf(bounds: TaskBounds): { queue: TaskQueue<string>; running: Running[]; submit: Submit } {
  const running: Running[] = [];
  const queue = new TaskQueue<string>(bounds, ({ frame }) => {
    return new Promise((end, fail) => running.push({ name: String(frame), end, fail }));
  });
  const submit: Submit = (name, onPosted, isWanted = () => true) =>
    queue.submit({ frame: Buffer.from(name), sentAt: 0, isWanted, onPosted });
  return { queue, running, submit };
}

type Submit = (name: string, onPosted?: () => void, isWanted?: () => boolean) => Promise<TaskOutcome<string>>;

const named = (running: readonly Running[]): string[] => running.map(({ name }) => name);

test('so many tasks run at a time, the others in the order in which they came', async () => {
  const { running, submit } = queueOf(new TaskBounds(2, 10));
  const outcomes = ['a', 'b', 'c', 'd'].map((name) => submit(name));
  assert.deepEqual(named(running), ['a', 'b']);
  running[1]?.end('B');
  assert.deepEqual(await outcomes[1], { kind: 'done', result: 'B' });
  assert.deepEqual(named(running), ['a', 'b', 'c']);
  running[0]?.end('A');
  await outcomes[0];
  assert.deepEqual(named(running), ['a', 'b', 'c', 'd']);
});

test('what finds the queue full is refused, and nothing of it is run', async () => {
  const bounds = new TaskBounds(1, 1);
  const { running, submit } = queueOf(bounds);
  void submit('a');
  const waiting = submit('b');
  assert.equal(bounds.hasRoom, false);
  assert.deepEqual(await submit('c'), { kind: 'refused' });
  running[0]?.end('A');
  running[1]?.end('B');
  await new Promise((resolve) => setImmediate(resolve));
  running[1]?.end('B');
  assert.deepEqual(await waiting, { kind: 'done', result: 'B' });
  assert.deepEqual(named(running), ['a', 'b']);
});

test('what nobody wants any more when its turn comes is refused, and what waits behind it runs', async () => {
  const bounds = new TaskBounds(1, 10);
  const { running, submit } = queueOf(bounds);
  void submit('a');
  const unwanted = ['b', 'c'].map((name) => submit(name, undefined, () => false));
  const wanted = submit('d');
  running[0]?.end('A');
  for (const outcome of unwanted) assert.deepEqual(await outcome, { kind: 'refused' });
  running[1]?.end('D');
  assert.deepEqual(await wanted, { kind: 'done', result: 'D' });
  assert.deepEqual([named(running), bounds.waiting], [['a', 'd'], 0]);
});

test('the bound on what waits is one for all queues', async () => {
  const bounds = new TaskBounds(1, 2);
  const [one, other] = [queueOf(bounds), queueOf(bounds)];
  for (const { submit } of [one, other]) for (const name of ['runs', 'waits']) void submit(name);
  assert.equal(bounds.waiting, 2);
  assert.deepEqual(await one.submit('late'), { kind: 'refused' });
  assert.deepEqual(await other.submit('late'), { kind: 'refused' });
  one.queue.close();
  assert.equal(bounds.waiting, 1);
  assert.equal(bounds.hasRoom, true);
});

test('a task whose worker fails says so, and the next one runs', async () => {
  const { running, submit } = queueOf(new TaskBounds(1, 1));
  const failed = submit('a');
  const next = submit('b');
  const error = new Error('the worker died');
  running[0]?.fail(error);
  assert.deepEqual(await failed, { kind: 'failed', error });
  running[1]?.end('B');
  assert.deepEqual(await next, { kind: 'done', result: 'B' });
});

test('whoever submits a task hears when its worker gets it', async () => {
  const { running, submit } = queueOf(new TaskBounds(1, 1));
  const posted: string[] = [];
  const first = submit('a', () => posted.push('a'));
  const second = submit('b', () => posted.push('b'));
  assert.deepEqual(posted, ['a']);
  running[0]?.end('A');
  await first;
  assert.deepEqual(posted, ['a', 'b']);
  running[1]?.end('B');
  await second;
});

test('a queue that closes fails what waits', async () => {
  const { queue, running, submit } = queueOf(new TaskBounds(1, 1));
  const running1 = submit('a');
  const waiting = submit('b');
  queue.close();
  assert.equal((await waiting).kind, 'failed');
  running[0]?.end('A');
  assert.deepEqual(await running1, { kind: 'done', result: 'A' });
  assert.deepEqual(named(running), ['a']);
});

test('how long tasks waited and ran is counted, refused ones not', async () => {
  const bounds = new TaskBounds(1, 0);
  const { running, submit } = queueOf(bounds);
  const outcome = submit('a');
  await submit('refused');
  running[0]?.end('A');
  await outcome;
  const counted = [bounds.waitSeconds, bounds.runSeconds].map((histogram) => histogram.snapshot().counts);
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  assert.deepEqual([bounds.completed, ...counted.map(sum)], [1, 1, 1]);
});
