/** Bringing a node what it missed: in batches, again until it has it, and to somebody else where it does not come back. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { replyCodes, type ReplyCode } from '../../../src/formats/codes.ts';
import { entryFlags, flagsOf, isLargeRead, keyOf, readEntries, recordOf } from '../../../src/formats/frame.ts';
import { largeValueBytes, readVersion } from '../../../src/formats/record.ts';
import { FrameWriter, readReplies } from '../../../src/formats/reply.ts';
import type { PeerStatus } from '../../../src/protocol/workers.ts';
import type { Segment } from '../../../workers/peers/segment-queue.ts';
import { HintDelivery } from '../../../workers/repair/hint-delivery.ts';
import { HintStore } from '../../../workers/repair/hint-store.ts';
import { hint } from '../../support/hints.ts';
import { sampleRecord } from '../../support/log-entries.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const target = 'http://a';

/** A delivery whose own replica holds version 9 of every key but `gone`, and whose target answers as it is told. */
function deliveryTo(t: TestContext, answers: (readonly ReplyCode[] | 'lost')[], valueBytes = 40) {
  const store = HintStore.open({
    directory: temporaryDirectory(t),
    owner: 0,
    workers: 1,
    targets: [target],
    bytesMax: 1e8,
    log: () => {},
  });
  t.after(() => store.close());
  const sent: string[][] = [];
  const state: { now: PeerStatus['state'] } = { now: 'up' };
  const submit = ({ bytes, count, isLarge, onReplies, onFailed }: Segment): void => {
    const entries = readEntries(bytes);
    assert.ok(entries.every((entry) => flagsOf(entry) === entryFlags.hint));
    assert.equal(isLarge, valueBytes > largeValueBytes);
    sent.push(entries.map((entry) => `${keyOf(entry).toString()}=${readVersion(recordOf(entry), 0)}`));
    const codes = answers.shift() ?? Array.from({ length: count }, () => replyCodes.applied);
    setImmediate(() => {
      if (codes === 'lost') return onFailed();
      const writer = new FrameWriter(0);
      for (const code of codes) {
        if (code === replyCodes.superseded) writer.replySuperseded(9, 1);
        else writer.reply(code);
      }
      return onReplies(readReplies(writer.finish()), 0, 1);
    });
  };
  const delivery = new HintDelivery({
    queue: store.queueOf(target),
    peer: {
      submit,
      flush: () => {},
      get status() {
        return { url: target, state: state.now, error: undefined };
      },
    },
    replica: {
      submit: (entries, respond) => {
        const writer = new FrameWriter(0);
        for (const entry of entries) {
          const key = keyOf(entry).toString();
          const record = sampleRecord(key, 9, valueBytes);
          if (key === 'gone') writer.reply(replyCodes.absent);
          else if (valueBytes > largeValueBytes && !isLargeRead(entry)) writer.replyLarge(record, record.length);
          else writer.replyRecord(record, record.length);
        }
        respond(writer.finish());
      },
    },
    operationsSoFar: () => 0,
    hasLeft: ({ image, keyStart, keyEnd }) => image.toString('utf8', keyStart, keyEnd).startsWith('left'),
    onDropped: (reason, count) => store.drop(reason, count),
  });
  return { store, delivery, sent, state };
}

test('the target gets the records as they are now, and what is gone is counted', async (t) => {
  const { store, delivery, sent } = deliveryTo(t, []);
  for (const one of [hint('x', 1), hint('gone', 2), hint('copied', 3, false)]) store.keep(target, one);
  await delivery.drained();
  assert.deepEqual(sent, [['x=9', 'copied=3']]);
  assert.deepEqual([delivery.delivered, store.dropped.gone, store.queueOf(target).count], [2, 1, 0]);
});

test('what the target keeps no more by the list of now is dropped and counted, large values too', async (t) => {
  for (const valueBytes of [40, largeValueBytes + 1]) {
    const { store, delivery, sent } = deliveryTo(t, [], valueBytes);
    for (const one of [hint('left 1', 1), hint('x', 1), hint('left 2', 2), hint('left 3', 3)]) store.keep(target, one);
    await delivery.drained();
    assert.deepEqual(sent, [['x=9']]);
    assert.deepEqual(
      [delivery.delivered, store.dropped.left, store.dropped.gone, store.queueOf(target).count],
      [1, 3, 0, 0],
    );
  }
});

test('a large value travels alone', async (t) => {
  const { store, delivery, sent } = deliveryTo(t, [], largeValueBytes + 1);
  for (const key of ['x', 'y']) store.keep(target, hint(key, 1));
  await delivery.drained();
  assert.deepEqual(sent, [['x=9'], ['y=9']]);
});

test('what a target does not take, or whose answer is lost, is sent again', async (t) => {
  const { store, delivery, sent } = deliveryTo(t, ['lost', [replyCodes.full], [replyCodes.superseded]]);
  store.keep(target, hint('x', 1));
  await delivery.drained();
  assert.deepEqual([sent.length, delivery.delivered], [3, 1]);
});

test('nothing is sent to a target that is down, and all of it when it is up', async (t) => {
  const { store, delivery, sent, state } = deliveryTo(t, []);
  state.now = 'down';
  for (let count = 0; count < 600; count++) store.keep(target, hint(`key ${count}`, 1));
  await delivery.kick();
  assert.equal(sent.length, 0);
  const drained = delivery.drained();
  state.now = 'up';
  void delivery.kick();
  await drained;
  assert.equal(new Set(sent.flat()).size, 600);
  assert.ok(sent.every((batch) => batch.length <= 256));
});

test('somebody else is given all of it, as far as that one keeps it', async (t) => {
  const { store, delivery, state } = deliveryTo(t, []);
  state.now = 'down';
  for (let count = 0; count < 600; count++) store.keep(target, hint(`key ${count}`, 1));
  const given: number[] = [];
  await delivery.handOver((batch) => Promise.resolve(given.push(batch.count) < 2));
  assert.deepEqual([given, delivery.handedOver, store.queueOf(target).count], [[256, 256], 256, 344]);
});
