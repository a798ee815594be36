/** A node in little memory: what it holds for clients and peers follows from its limit. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { stopWithParentEnvironmentName, withoutSettings } from '../../src/child-environment.ts';
import { freePorts } from '../../src/free-ports.ts';
import { ask, entityTarget } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { makeMemoryGroup } from '../support/memory-group.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1024 * 1024;
const limitBytes = 512 * MIB;
const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** A node that starts in a group of its own; `$1` in the shell is the file that moves a process there. */
async function startNode(t: TestContext, port: number, cluster: readonly string[]) {
  const group = makeMemoryGroup(`kvorum-test-${process.pid}-${port}`, limitBytes);
  if (group === undefined) return undefined;
  const url = `http://127.0.0.1:${port}`;
  const own = ['--port', String(port), '--self', url, '--cluster', cluster.join(','), '--data', temporaryDirectory(t)];
  // The node starts when it is in the group: its defaults follow from the limit that it finds then.
  const child = spawn('bash', ['-c', 'read -r; exec "$@"', 'bash', process.execPath, program, 'serve', ...own], {
    stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
    env: { ...withoutSettings(process.env), [stopWithParentEnvironmentName]: '1' },
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close');
  t.after(async () => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended;
    group.remove();
  });
  group.add(child.pid ?? 0);
  child.stdin?.end('\n');
  return { url, child, group, said: () => said };
}

const cannot = makeMemoryGroup(`kvorum-test-${process.pid}`, limitBytes);
cannot?.remove();
const skip = cannot === undefined ? 'no control group for memory can be made here' : false;

test('16 PUTs of 16 MiB at once, with a replica stopped, do not end nodes of 512 MiB', { skip }, async (t) => {
  const ports = await freePorts(3);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const nodes = [];
  for (const port of ports) nodes.push((await startNode(t, port, urls)) ?? assert.fail('no group'));
  for (const { url, said } of nodes) {
    await eventually(async () => assert.equal((await ask(url, '/readyz')).status, 200, said()));
  }
  nodes[2]?.child.kill('SIGSTOP');
  const value = Buffer.alloc(16 * MIB, 'large ');
  const statuses = new Map<number, number>();
  for (let round = 0; round < 3; round++) {
    const puts = Array.from({ length: 16 }, async (_, index) => {
      const answer = await ask(urls[0] ?? '', entityTarget(`large ${index}`), { method: 'PUT', body: value }).catch(
        // A refusal may come, and the connection end, while the body is on its way.
        (error: NodeJS.ErrnoException) => ({ status: error.code === 'EPIPE' || error.code === 'ECONNRESET' ? 503 : 0 }),
      );
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    });
    await Promise.all(puts);
  }
  t.diagnostic(`answers: ${JSON.stringify([...statuses])}`);
  for (const { group, child, said } of nodes) {
    assert.deepEqual([group.kills(), child.exitCode, child.signalCode], [0, null, null], said());
  }
  for (const status of statuses.keys()) assert.ok([201, 503, 504].includes(status), `answered ${status}`);
  // It is in order again when the burst is over.
  await eventually(async () => {
    const answer = await ask(urls[0] ?? '', entityTarget('after'), { method: 'PUT', body: value });
    assert.equal(answer.status, 201);
  });
});
