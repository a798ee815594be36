/** Frames of peers that reach a worker which does not own all of their keys. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { ownerOf } from '../../../src/domain/owners.ts';
import { replyCodes } from '../../../src/formats/codes.ts';
import { hashKey } from '../../../src/domain/rendezvous.ts';
import { keyOf, readEntries, type Entry } from '../../../src/formats/frame.ts';
import { FrameWriter, announcedBytes, readReplies, type Reply } from '../../../src/formats/reply.ts';
import { executeForSibling, OwnedReplica, type Replica } from '../../../workers/replica/owned-replica.ts';
import { Siblings } from '../../../workers/ground/siblings.ts';
import { readFrame } from '../../support/operation-frames.ts';

const WORKERS = 3;

const owner = (key: string): number => ownerOf(hashKey(Buffer.from(key), 0, Buffer.byteLength(key)), WORKERS);

interface TestWorker {
  readonly replica: OwnedReplica;
  readonly siblings: Siblings;
  /** Keys that it executed, a list for each frame. */
  readonly executed: string[][];
}

/** A replica that finds under each key but `absent` the key itself after its header, and `valueBytes` zeros behind it. */
function finding(executed: string[][], valueBytes: number): Replica {
  return {
    submit: (entries, respond) => {
      executed.push(entries.map((entry) => keyOf(entry).toString()));
      const writer = new FrameWriter(0);
      for (const entry of entries) {
        const record = Buffer.concat([Buffer.alloc(17), keyOf(entry), Buffer.alloc(valueBytes)]);
        if (keyOf(entry).toString() === 'absent') writer.reply(replyCodes.absent);
        else writer.replyRecord(record, record.length);
      }
      setImmediate(() => respond(writer.finish()));
    },
  };
}

function startWorkers(t: TestContext, valueBytes = 0): TestWorker[] {
  const workers = Array.from({ length: WORKERS }, (_, index) => {
    const executed: string[][] = [];
    const replica = finding(executed, valueBytes);
    const siblings = new Siblings({
      operations: executeForSibling(replica),
      range: () => assert.fail('no range here'),
      repair: () => assert.fail('no repair here'),
      purge: () => assert.fail('nothing is removed here'),
    });
    t.after(() => siblings.close());
    return { replica: new OwnedReplica({ replica, siblings, index, workers: WORKERS }), siblings, executed };
  });
  for (const [one, { siblings }] of workers.entries()) {
    for (const [other, { siblings: others }] of workers.entries()) {
      if (other <= one) continue;
      const { port1, port2 } = new MessageChannel();
      siblings.connect(other, port1);
      others.connect(one, port2);
    }
  }
  return workers;
}

function entriesOf(keys: readonly string[]): Entry[] {
  return readEntries(Buffer.concat(keys.map((key) => readFrame(0, key))));
}

/** What each entry is answered: the record's value, or the code of another reply. */
async function answersOf(replica: Replica, keys: readonly string[]): Promise<(string | number)[]> {
  const bytes = await new Promise<Buffer>((resolve) => replica.submit(entriesOf(keys), resolve));
  return readReplies(bytes).map(({ code, bytes: within, offset, length }) => {
    return code === replyCodes.record ? within.toString('utf8', offset + 17, offset + length) : code;
  });
}

test('replies come in the order of the entries, each from the owner of its key', async (t) => {
  const workers = startWorkers(t);
  const lists = fc.array(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(lists, fc.nat(WORKERS - 1), async (keys, index) => {
      for (const { executed } of workers) executed.length = 0;
      const { replica } = workers[index] as TestWorker;
      assert.deepEqual(await answersOf(replica, keys), keys);
      for (const [at, { executed }] of workers.entries()) {
        assert.deepEqual(
          executed.flat(),
          keys.filter((key) => owner(key) === at),
        );
        assert.ok(executed.length <= 1, 'an owner gets its share in one frame');
      }
    }),
    { numRuns: 50 },
  );
});

test('replies without a record keep their place among the others', async (t) => {
  const workers = startWorkers(t);
  const keys = ['a', 'absent', 'b', 'c', 'd', 'e'];
  for (const { replica } of workers) {
    assert.deepEqual(await answersOf(replica, keys), ['a', replyCodes.absent, 'b', 'c', 'd', 'e']);
  }
});

test('what an owner that is gone would have done has failed, and nothing else', async (t) => {
  const workers = startWorkers(t);
  workers[1]?.siblings.close();
  const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
  const answers = await answersOf((workers[0] as TestWorker).replica, keys);
  assert.deepEqual(
    answers,
    keys.map((key) => (owner(key) === 1 ? replyCodes.failed : key)),
  );
});

test('an answer is not longer than one owner would make it: what is past 1 MiB is announced', async (t) => {
  const [first] = startWorkers(t, 50_000);
  const keys = Array.from({ length: 45 }, (_, index) => `key ${index}`);
  const bytes = await new Promise<Buffer>((resolve) => first?.replica.submit(entriesOf(keys), resolve));
  const replies = readReplies(bytes);
  const whole = Math.ceil((1024 * 1024) / (50_000 + 17 + 6 + 5));
  assert.deepEqual(
    replies.map(({ code }) => code),
    keys.map((_, index) => (index < whole ? replyCodes.record : replyCodes.large)),
  );
  assert.equal(announcedBytes(replies[whole] as Reply), 17 + 6 + 50_000);
});

test('a frame without entries is answered without replies', async (t) => {
  assert.deepEqual(await answersOf((startWorkers(t)[0] as TestWorker).replica, []), []);
});
