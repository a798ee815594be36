import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { channel } from 'node:diagnostics_channel';
import test from 'node:test';
import type { BatchMarks } from '../../src/waits/wait-marks.ts';
import type { Coordinator } from '../../workers/coordinator/coordinator.ts';
import type { LocalReplica } from '../../workers/replica/local-replica.ts';
import { awaitSending, sendingChannel, watchSending } from '../../workers/peers/peer-sending.ts';
import { WaitsSwitch } from '../../workers/waits.ts';

const module = new URL('../../profiling/inside/worker-waits.js', import.meta.url).href;
const sending = channel(sendingChannel);

type Hooks = Pick<Coordinator, 'waits'> & Pick<LocalReplica, 'onRun'>;

function switchOn(hooks: Hooks): WaitsSwitch {
  return new WaitsSwitch({ thread: 'worker 1', sequential: false, coordinator: hooks, replica: hooks });
}

test('switched off, a worker has no hooks, and nobody listens to the channels of undici', async () => {
  const hooks: Hooks = { waits: undefined, onRun: undefined };
  const waits = switchOn(hooks);
  assert.equal(waits.stop(), undefined);
  await waits.start({ every: 1, operationsMax: 10 }, module);
  assert.ok(hooks.waits !== undefined && hooks.onRun !== undefined && sending.hasSubscribers);
  const recording = waits.stop();
  assert.deepEqual(recording?.operations, []);
  assert.equal(recording?.waits.thread, 'worker 1');
  assert.deepEqual(hooks, { waits: undefined, onRun: undefined });
  assert.equal(sending.hasSubscribers, false);
  for (const name of ['create', 'bodySent', 'headers']) {
    assert.equal(channel(`undici:request:${name}`).hasSubscribers, false, name);
  }
});

test('a second start without a stop ends the first recording', async () => {
  const hooks: Hooks = { waits: undefined, onRun: undefined };
  const waits = switchOn(hooks);
  await waits.start({ every: 1, operationsMax: 10 }, module);
  const first = hooks.waits;
  await waits.start({ every: 1, operationsMax: 10 }, module);
  assert.notEqual(hooks.waits, first);
  waits.stop();
  assert.equal(sending.hasSubscribers, false);
});

test('a module that cannot be loaded leaves the worker as it was', async () => {
  const hooks: Hooks = { waits: undefined, onRun: undefined };
  await assert.rejects(switchOn(hooks).start({ every: 1, operationsMax: 10 }, 'file:///nowhere.js'));
  assert.deepEqual(hooks, { waits: undefined, onRun: undefined });
  assert.equal(sending.hasSubscribers, false);
});

test('the same bytes sent to two peers are two requests, each with a time of its own', () => {
  const bytes = Buffer.from('frame');
  const marks = (): BatchMarks => ({ sentAt: 1, headersAt: 0, repliedAt: 0, remote: undefined });
  const [one, other] = [marks(), marks()];
  const first = awaitSending(bytes, one);
  awaitSending(bytes, other);
  const end = watchSending();
  sending.publish({ request: { body: first } });
  sending.publish({ request: { body: bytes } });
  sending.publish({ request: { body: null } });
  end();
  assert.ok(one.headersAt > 0);
  assert.equal(other.headersAt, 0);
  assert.ok(first.equals(bytes));
});
