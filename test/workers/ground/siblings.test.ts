/** Questions between workers of a node, here in one thread with both ends of each channel. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { Siblings, type AnswerSibling } from '../../../workers/ground/siblings.ts';
import { eventually } from '../../support/eventually.ts';

const silent: AnswerSibling = () => {};

/** Bytes that are alone in their memory. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text);
  return bytes;
}

/** Worker 0, which asks, and worker 1, which answers as told. */
function pair(t: TestContext, answer: AnswerSibling): { asking: Siblings; answering: Siblings } {
  const asking = new Siblings({ operations: silent, range: silent, repair: silent, purge: silent });
  const answering = new Siblings({ operations: answer, range: silent, repair: silent, purge: silent });
  connect(asking, answering);
  t.after(() => {
    asking.close();
    answering.close();
  });
  return { asking, answering };
}

function connect(zero: Siblings, one: Siblings): void {
  const { port1, port2 } = new MessageChannel();
  zero.connect(1, port1);
  one.connect(0, port2);
}

function ask(siblings: Siblings, worker: number, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    siblings.ask(worker, 'operations', bytesOf(text), (answer) => resolve(answer?.toString()));
  });
}

test('answers come in any order, each to its question', async (t) => {
  const held: (() => void)[] = [];
  const { asking } = pair(t, (bytes, answer) => {
    const text = bytes.toString();
    held.push(() => answer(bytesOf(`${text}!`)));
  });
  const answers = ['a', 'b', 'c'].map((text) => ask(asking, 1, text));
  await eventually(() => assert.equal(held.length, 3));
  for (const at of [2, 0, 1]) held[at]?.();
  assert.deepEqual(await Promise.all(answers), ['a!', 'b!', 'c!']);
});

test('both ends of a channel ask and answer', async (t) => {
  const echo: AnswerSibling = (bytes, answer) => answer(bytes);
  const [zero, one] = [
    new Siblings({ operations: echo, range: silent, repair: silent, purge: silent }),
    new Siblings({ operations: echo, range: silent, repair: silent, purge: silent }),
  ];
  t.after(() => zero.close());
  connect(zero, one);
  assert.deepEqual(await Promise.all([ask(zero, 1, 'to one'), ask(one, 0, 'to zero')]), ['to one', 'to zero']);
});

test('the memory of a question and of its answer moves, an answer that is a view included', async (t) => {
  let answered: Buffer | undefined;
  const { asking } = pair(t, (_bytes, answer) => {
    answered = bytesOf('-answer-').subarray(1, 7);
    answer(answered);
  });
  const question = bytesOf('question');
  const answer = new Promise<string | undefined>((resolve) => {
    asking.ask(1, 'operations', question, (bytes) => resolve(bytes?.toString()));
  });
  assert.equal(question.buffer.byteLength, 0);
  assert.equal(await answer, 'answer');
  assert.equal(answered?.buffer.byteLength, 0);
});

test('a worker that is not there gives no answer', async (t) => {
  const { asking } = pair(t, silent);
  assert.equal(await ask(asking, 7, 'anyone?'), undefined);
});

test('what a worker has not answered when it dies gets no answer, and so does what is asked of it then', async (t) => {
  const { asking, answering } = pair(t, silent);
  const open = ask(asking, 1, 'lost');
  answering.close();
  assert.equal(await open, undefined);
  assert.equal(await ask(asking, 1, 'too late'), undefined);
});

test('a worker that takes the place of a dead one is asked instead', async (t) => {
  const { asking } = pair(t, silent);
  const lost = ask(asking, 1, 'lost');
  const successor = new Siblings({
    operations: (_bytes, answer) => answer(bytesOf('here')),
    range: silent,
    repair: silent,
    purge: silent,
  });
  t.after(() => successor.close());
  connect(asking, successor);
  assert.equal(await lost, undefined);
  assert.equal(await ask(asking, 1, 'anyone?'), 'here');
});
