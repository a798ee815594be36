import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { freePorts } from '../../src/free-ports.ts';
import { eventually } from '../support/eventually.ts';
import { Wires, type Cut } from './wires.ts';

const isLinux = process.platform === 'linux';
const onLinux = { skip: isLinux ? false : 'only Linux has all of 127.0.0.0/8 on loopback' };

interface Wired {
  readonly wires: Wires;
  readonly server: Server;
  readonly port: number;
  /** The end of node 0, which has connected, and of node 1. */
  readonly near: Socket;
  readonly far: Socket;
  readonly heard: { near: string; far: string };
}

async function wired(t: TestContext): Promise<Wired> {
  const [port = 0] = await freePorts(1);
  const server = createServer();
  server.listen(port, '127.0.0.12');
  await once(server, 'listening');
  const wires = await Wires.open([
    { address: '127.0.0.11', front: '127.0.0.31', ports: [port] },
    { address: '127.0.0.12', front: '127.0.0.32', ports: [port] },
  ]);
  const near = connect({ host: '127.0.0.32', port, localAddress: '127.0.0.11' }).on('error', () => {});
  const [far] = (await once(server, 'connection')) as [Socket];
  far.on('error', () => {});
  const heard = { near: '', far: '' };
  near.setEncoding('latin1').on('data', (text: string) => (heard.near += text));
  far.setEncoding('latin1').on('data', (text: string) => (heard.far += text));
  t.after(async () => {
    near.destroy();
    far.destroy();
    server.close();
    await wires.close();
  });
  return { wires, server, port, near, far, heard };
}

/** Resolves at the end of a connection, a reset one's as well. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

const cut: Cut = { from: 0, to: 1, how: 'one-way', held: 'late' };

test('Wires pass on what is sent, and the end of a connection', onLinux, async (t) => {
  const { near, far, heard, wires } = await wired(t);
  near.write('there');
  far.write('back');
  await eventually(() => assert.deepEqual(heard, { near: 'back', far: 'there' }));
  near.end();
  await once(far, 'end');
  far.end();
  await eventually(() => assert.equal(wires.size, 0));
});

test('Wires that are cut one way hold what is sent that way, and bring it late', onLinux, async (t) => {
  const { near, far, heard, wires } = await wired(t);
  const heal = wires.cut(cut);
  near.write('held');
  far.write('goes on');
  await eventually(() => assert.equal(heard.near, 'goes on'));
  assert.equal(heard.far, '');
  heal();
  await eventually(() => assert.equal(heard.far, 'held'));
});

test('Wires that are cut lose what was held with its connection, where it is not to come late', onLinux, async (t) => {
  const { near, far, heard, wires } = await wired(t);
  const heal = wires.cut({ ...cut, how: 'both-ways', held: 'lost' });
  const ended = Promise.all([closed(near), closed(far)]);
  near.write('lost');
  far.write('lost, too');
  await eventually(() => assert.equal(wires.holding, 1));
  heal();
  await ended;
  assert.deepEqual(heard, { near: '', far: '' });
});

test('Wires refuse connections of a pair, and no others', onLinux, async (t) => {
  const { near, wires, server, port } = await wired(t);
  const ended = closed(near);
  const heal = wires.cut({ ...cut, how: 'refused' });
  await ended;
  const refused = connect({ host: '127.0.0.32', port, localAddress: '127.0.0.11' }).on('error', () => {});
  await closed(refused);
  const [arrived] = await Promise.all([
    once(server, 'connection') as Promise<[Socket]>,
    once(
      connect({ host: '127.0.0.32', port, localAddress: '127.0.0.13' }).on('error', () => {}),
      'connect',
    ),
  ]);
  arrived[0].destroy();
  heal();
  const [again] = await Promise.all([
    once(server, 'connection') as Promise<[Socket]>,
    once(
      connect({ host: '127.0.0.32', port, localAddress: '127.0.0.11' }).on('error', () => {}),
      'connect',
    ),
  ]);
  again[0].destroy();
});
