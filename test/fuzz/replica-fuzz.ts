/**
 * The replica port of a real node: what a peer sends, recorded and changed, what one could send, made up, and what comes
 * without a proof of the secret. None of it ends the node or its workers, and clients and the real peer are served on.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { operationKinds } from '../../src/formats/codes.ts';
import { allocateFrame, entryBytes, valueOffset, writeRead, writeWrite } from '../../src/formats/frame.ts';
import { messageKinds, PIECE_HEADER_BYTES } from '../../src/formats/link-message.ts';
import { encodeDigestQuestion } from '../../src/formats/digest-messages.ts';
import { encodeHello } from '../../src/formats/peer-handshake.ts';
import { encodeBounds } from '../../src/formats/range-bounds.ts';
import type { RecordKind } from '../../src/formats/record.ts';
import { linkProtocol, replicaPaths, replicaProtocol } from '../../src/protocol/nodes.ts';
import { within } from '../support/eventually.ts';
import { goesOn } from '../support/hostile-bytes.ts';
import { connectAsPeer } from '../support/peer.ts';
import type { ReplicaTarget } from './replica-traffic.ts';
import { count, emptyReport, failure, failuresMax, type FuzzOptions, type FuzzReport } from './report.ts';
import { caseSeed, Choices } from './requests.ts';

export { startReplicaTarget } from './replica-traffic.ts';

/** Cases between two looks at the node. */
const CASES_PER_LOOK = 25;

/** What is sent, and whether behind a handshake that proves the secret. */
interface Attack {
  readonly kind: string;
  readonly isProved: boolean;
  readonly bytes: Buffer;
}

export async function fuzzReplica(target: ReplicaTarget, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, goOn, first = 0 } = options;
  const report = emptyReport();
  const { cluster } = target;
  const { pid } = cluster.node(0);
  let last = '';
  const look = async (again: string): Promise<void> => {
    try {
      await goesOn(cluster, pid);
    } catch (error) {
      report.failures.push(failure(`${String(error)}, within ${CASES_PER_LOOK} cases of this one`, last, again));
    }
  };
  for (let index = first; goOn(report.cases) && report.failures.length < failuresMax; index++) {
    const choices = new Choices(caseSeed(seed, index));
    const attack = attackOf(choices, target);
    const again = `--only replica --seed ${seed} --case ${index}`;
    last = attack.bytes.toString('latin1').slice(0, 2000);
    try {
      await send(target, attack, choices);
    } catch (error) {
      report.failures.push(failure(`${attack.kind}: ${String(error)}`, last, again));
    }
    report.cases++;
    count(report, attack.kind);
    if (report.cases % CASES_PER_LOOK === 0) await look(again);
  }
  await look(`--only replica --seed ${seed}`);
  return report;
}

function attackOf(choices: Choices, target: ReplicaTarget): Attack {
  const kind = choices.below(10);
  if (kind < 4) return { kind: 'recorded', isProved: true, bytes: changed(choices, recordedStream(choices, target)) };
  if (kind < 6) return { kind: 'link', isProved: true, bytes: Buffer.concat([upgrade(), pieces(choices)]) };
  if (kind < 8) return { kind: 'request', isProved: true, bytes: request(choices) };
  return { kind: 'handshake', isProved: false, bytes: handshake(choices, target) };
}

/** Sends it and closes our side; the node must close the other one. Answers are read and mean nothing. */
async function send({ peer }: ReplicaTarget, { bytes, isProved }: Attack, choices: Choices): Promise<void> {
  const socket = isProved ? await connectAsPeer(peer) : await connectTo(peer.port);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.resume();
  try {
    for (let at = 0; at < bytes.length && !socket.destroyed;) {
      const end = choices.once(2) ? bytes.length : at + 1 + choices.below(bytes.length - at);
      socket.write(bytes.subarray(at, end));
      at = end;
      await nextTurn();
    }
    socket.end();
    await within(closed, 'the end of the connection');
  } finally {
    socket.destroy();
  }
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A stream or a part of one that begins as one does. */
function recordedStream(choices: Choices, { streams }: ReplicaTarget): Buffer {
  const stream = choices.pick(streams);
  const length = choices.pick([stream.length, Math.min(stream.length, 2000), 1 + choices.below(stream.length)]);
  const other = choices.pick(streams);
  const slice = other.subarray(choices.below(other.length)).subarray(0, 1 + choices.below(500));
  return choices.once(4) ? Buffer.concat([stream.subarray(0, length), slice]) : stream.subarray(0, length);
}

const bytesThatMean = [0, 1, 2, 3, 0x7f, 0x80, 0xff];

/** Some bytes changed, left out, doubled or moved. */
function changed(choices: Choices, bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let times = choices.below(6); times > 0; times--) {
    const at = choices.below(Math.min(result.length, choices.pick([100, 1000, 1_000_000])));
    const end = Math.min(result.length, at + 1 + choices.below(choices.pick([1, 4, 40])));
    const [before, slice, after] = [result.subarray(0, at), result.subarray(at, end), result.subarray(end)];
    const filled = Buffer.alloc(slice.length, choices.pick([...bytesThatMean, choices.below(256)]));
    result = Buffer.concat([
      before,
      choices.pick([filled, filled, Buffer.alloc(0), Buffer.concat([slice, slice])]),
      after,
    ]);
  }
  return result;
}

function upgrade(): Buffer {
  const fields = `host: a\r\nconnection: upgrade\r\nupgrade: ${linkProtocol}`;
  return Buffer.from(`GET ${replicaPaths.link} HTTP/1.1\r\n${fields}\r\n\r\n`);
}

/** Pieces of messages: whole, begun, continued, and such as cannot be. */
function pieces(choices: Choices): Buffer {
  const all: Buffer[] = [];
  for (let times = 1 + choices.below(6); times > 0; times--) {
    const body = frame(choices);
    const header = Buffer.alloc(PIECE_HEADER_BYTES);
    const isOdd = choices.once(3);
    const lengths = [0, 1, body.length, body.length + 1, 2 ** 20, 2 ** 31, 0xffffffff];
    header.writeUInt32LE(choices.below(3), 0);
    header.writeUInt32LE(isOdd ? choices.pick(lengths) : body.length, 4);
    header.writeUInt32LE(isOdd ? choices.pick(lengths) : body.length, 8);
    header[12] = choices.rarely(6, [2, 3, 4, 255], [messageKinds.question, messageKinds.questionWithDurations]);
    header[13] = choices.rarely(6, [1, 255], [0]);
    all.push(header, body);
  }
  return changed(choices, Buffer.concat(all));
}

/** A frame of some entries, each with a right checksum and perhaps fields at their extremes. */
function frame(choices: Choices): Buffer {
  const entries = Array.from({ length: choices.below(4) }, () => (choices.once(2) ? read(choices) : write(choices)));
  const whole = Buffer.concat(entries);
  return choices.once(2) ? changed(choices, whole.length === 0 ? Buffer.alloc(1) : whole) : whole;
}

function keyOf(choices: Choices): Buffer {
  const odd = [
    Buffer.alloc(0),
    Buffer.alloc(1024, 'k'),
    Buffer.alloc(1979, 'k'),
    Buffer.alloc(65_535, 'k'),
    Buffer.from([0xff]),
  ];
  return choices.rarely(4, odd, [Buffer.from('fuzz'), Buffer.from('fuzz 2')]);
}

function quorumOf(choices: Choices): { acksRequired: number; replicaCount: number } {
  return { acksRequired: choices.rarely(5, [0, 3, 255], [1]), replicaCount: choices.rarely(5, [0, 255], [1, 2]) };
}

function read(choices: Choices): Buffer {
  const key = keyOf(choices);
  const entry = allocateFrame(entryBytes(key.length, undefined));
  writeRead(entry, 0, { tag: choices.below(9), kind: operationKinds.read, quorum: quorumOf(choices) }, key);
  return entry;
}

function write(choices: Choices): Buffer {
  const key = keyOf(choices);
  const value = Buffer.alloc(choices.rarely(8, [130_000, 200_000], [0, 1, 100]), 'v');
  const entry = allocateFrame(entryBytes(key.length, value.length));
  entry.set(value, valueOffset(0, key.length));
  const versions = [0, -1, 0.5, 2 ** 53, Number.NaN, Infinity, Number.MAX_SAFE_INTEGER];
  const version = choices.rarely(5, versions, [Date.now() * 1000]);
  const stamp = { version, nodeId: choices.below(3), kind: choices.rarely(5, [1, 2, 255], [0]) as RecordKind };
  const head = { tag: choices.below(9), kind: operationKinds.write, quorum: quorumOf(choices) };
  writeWrite(entry, 0, head, key, { stamp, valueBytes: value.length });
  return entry;
}

/** A request of its own, mostly with a right length. */
function request(choices: Choices): Buffer {
  const path = choices.rarely(10, ['/', '/metrics', '*'], Object.values(replicaPaths));
  const bounds = encodeBounds({
    start: keyOf(choices),
    end: choices.once(2) ? keyOf(choices) : undefined,
    keysOnly: true,
  });
  const shared = { nodeId: choices.below(2 ** 32), buckets: Buffer.alloc(choices.below(600), 0xff) };
  const listing = encodeBounds({ start: Buffer.from('a'), end: undefined, keysOnly: true, shared });
  const wish = encodeDigestQuestion({ askerId: shared.nodeId, buckets: choices.once(2) ? shared.buckets : undefined });
  const repair = [listing, wish].map((text) => Buffer.from(text));
  const bodies = [
    ...repair,
    frame(choices),
    Buffer.from(bounds),
    Buffer.from('http://127.0.0.1:1'),
    Buffer.alloc(3000, 0xff),
  ];
  const body = choices.once(3)
    ? changed(choices, Buffer.concat([choices.pick(bodies), Buffer.from('x')]))
    : choices.pick(bodies);
  const length = choices.rarely(8, ['0', '-1', '1e9', '99999999999', `${body.length + 1}`], [`${body.length}`]);
  const framing = choices.rarely(10, ['transfer-encoding: chunked', ''], [`content-length: ${length}`]);
  const fields = choices.rarely(4, ['\r\nkvorum-waits: 1', '\r\nexpect: 100-continue', '\r\nupgrade: x'], ['']);
  const method = choices.rarely(10, ['GET', 'PUT', 'FOO'], ['POST']);
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: a\r\n${framing}${fields}\r\n\r\n`);
  return Buffer.concat(choices.once(3) ? [head, body, head, body] : [head, body]);
}

/** What begins a connection: a hello that is changed, cut short or too long, a proof of nothing, or something else. */
function handshake(choices: Choices, target: ReplicaTarget): Buffer {
  const nonce = Buffer.alloc(32, choices.below(256));
  const hello = encodeHello({
    protocol: choices.rarely(4, [0, 4, 65_535], [replicaProtocol]),
    askerId: choices.pick([target.peer.as.id, target.peer.listenerId, 0]),
    nonce,
  });
  const proof = Buffer.alloc(choices.pick([0, 1, 32, 33]), choices.below(256));
  const starts = [
    hello,
    hello.subarray(0, choices.below(hello.length)),
    upgrade(),
    request(choices),
    Buffer.from('\x16\x03\x01'),
  ];
  const bytes = Buffer.concat([choices.pick(starts), proof]);
  return choices.once(2) && bytes.length > 0 ? changed(choices, bytes) : bytes;
}
