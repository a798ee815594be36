/** Connections that are to speak TLS: who gets in, what others are told, and that a new certificate ends none of them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectPlain, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { TlsGate } from '../../src/tls/gate.ts';
import type { TlsMaterial } from '../../src/tls/material.ts';
import { certificates } from '../support/certificates.ts';
import { eventually, within } from '../support/eventually.ts';

const own = certificates();
const foreign = certificates();
const plainAnswer = 'speak TLS\n';

interface Gated {
  readonly gate: TlsGate;
  readonly port: number;
  readonly refusals: string[];
  /** Opens a connection and resolves to what it reads first. */
  readonly greet: (options: ConnectionOptions) => Promise<string>;
}

/** A server behind a gate that greets who gets in, and gives back what it is sent. */
async function gated(t: TestContext, material: TlsMaterial, needsCertificate: boolean): Promise<Gated> {
  const refusals: string[] = [];
  const onRefused = (reason: string): void => void refusals.push(reason);
  const gate = new TlsGate({ material, needsCertificate, plainAnswer, onRefused });
  const open = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (raw) => {
    open.add(raw);
    void gate.accept(raw).then((socket) => socket?.on('data', (bytes: Buffer) => socket.write(bytes)).write('welcome'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const greet = async (options: ConnectionOptions): Promise<string> => {
    const socket = await opened(t, { port, ...options });
    return firstBytes(socket);
  };
  return { gate, port, refusals, greet };
}

async function opened(t: TestContext, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', ...options });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** Rejects where the connection ends without any. */
function firstBytes(socket: Socket): Promise<string> {
  const bytes = new Promise<string>((resolve, reject) => {
    socket.once('data', (chunk) => resolve(String(chunk))).once('error', reject);
    socket.once('close', () => reject(new Error('it was closed')));
  });
  return within(bytes, 'bytes');
}

test('a gate lets whoever speaks TLS in, whose certificate clients can check', async (t) => {
  const { greet, refusals } = await gated(t, own, false);
  assert.equal(await greet({ ca: own.ca }), 'welcome');
  await assert.rejects(greet({ ca: foreign.ca }), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  await assert.rejects(greet({ ca: own.ca, checkServerIdentity: () => new Error('not it') }), /not it/);
  assert.deepEqual(
    refusals.filter((reason) => !reason.includes('certificate')),
    [],
  );
});

for (const [what, sent] of [
  ['HTTP', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a single byte', 'x'],
] as const) {
  test(`a gate answers ${what} without TLS, and ends the connection`, async (t) => {
    const { port, refusals } = await gated(t, own, false);
    const socket = connectPlain({ port, host: '127.0.0.1' });
    t.after(() => socket.destroy());
    socket.write(sent);
    assert.equal(await firstBytes(socket), plainAnswer);
    await within(once(socket, 'end'), 'the end');
    assert.deepEqual(refusals, ['what came is not TLS']);
  });
}

test('a gate that needs a certificate refuses who shows none, one of another authority, or one that has expired', async (t) => {
  const { greet, refusals } = await gated(t, own, true);
  const { cert, key } = own;
  assert.equal(await greet({ ca: own.ca, cert, key }), 'welcome');
  await assert.rejects(greet({ ca: own.ca }));
  await eventually(() => assert.deepEqual(refusals.splice(0), ['it shows no certificate']));
  await assert.rejects(greet({ ca: own.ca, cert: foreign.cert, key: foreign.key }));
  const untrusted = 'its certificate is signed by nobody that --tls-ca names';
  await eventually(() => assert.deepEqual(refusals.splice(0), [untrusted]));
});

test('a gate refuses a session that a refused client takes up again', async (t) => {
  const { port, refusals } = await gated(t, own, true);
  const sessions: Buffer[] = [];
  const shown = { port, ca: own.ca, cert: foreign.cert, key: foreign.key };
  const first = await opened(t, shown);
  first.on('session', (session) => sessions.push(session));
  await assert.rejects(firstBytes(first));
  for (const session of sessions) {
    const again = connect({ host: '127.0.0.1', port, ca: own.ca, session });
    t.after(() => again.destroy());
    await assert.rejects(firstBytes(again));
  }
  await eventually(() => assert.ok(refusals.length > sessions.length, `${refusals.length} refusals`));
});

test('another certificate counts for new connections, and ends none of the others', async (t) => {
  const { gate, greet, port } = await gated(t, own, false);
  const before = await opened(t, { port, ca: own.ca });
  assert.equal(await firstBytes(before), 'welcome');
  gate.use(foreign);
  assert.equal(await greet({ ca: foreign.ca }), 'welcome');
  await assert.rejects(greet({ ca: own.ca }));
  before.write('still here');
  assert.equal(await firstBytes(before), 'still here');
});

test('destroyPending() ends handshakes that are under way, and no connection that is through', async (t) => {
  const { gate, port } = await gated(t, own, false);
  const through = await opened(t, { port, ca: own.ca });
  assert.equal(await firstBytes(through), 'welcome');
  const silent = connectPlain({ port, host: '127.0.0.1' });
  await once(silent, 'connect');
  silent.on('error', () => {});
  silent.write(Buffer.from([0x16, 3]));
  through.write('a');
  assert.equal(await firstBytes(through), 'a');
  gate.destroyPending();
  await within(once(silent, 'close'), 'the end');
  through.write('b');
  assert.equal(await firstBytes(through), 'b');
});
