import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts, takenPort } from '../src/free-ports.ts';
import { listen, portOf } from './cli/kvorum.ts';

test('freePorts() are neighbours below the ports that systems give to outgoing connections', async () => {
  const [first = 0, ...others] = await freePorts(3);
  assert.deepEqual(others, [first + 1, first + 2]);
  assert.ok(first + 2 < 32_768, String(first));
});

test('takenPort() names the first port that something listens on, on one host or on localhost', async (t) => {
  const servers = [await listen(), await listen()];
  t.after(() => servers.forEach((server) => server.close()));
  const ports = servers.map(portOf);
  for (const host of ['127.0.0.1', undefined]) assert.equal(await takenPort(ports, host), ports[0]);
});
