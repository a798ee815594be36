/** A node in surroundings that fail it: output that cannot be written, limits of the system, a disk that fails at the end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { freePorts } from '../../src/free-ports.ts';
import { stopWithParentEnvironmentName, withoutSettings } from '../../src/child-environment.ts';
import { ask } from '../support/client.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually, within } from '../support/eventually.ts';
import { inject, whyNoInjection } from '../support/fault-injection.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const notLinux = process.platform === 'linux' ? false : 'the limits and /dev/full are those of Linux';

/** A node started by a shell that sets the scene; `$@` in `script` is the command line. */
async function startInShell(t: TestContext, script: string, flags: readonly string[] = []) {
  const [port = 0] = await freePorts(1);
  const url = `http://localhost:${port}`;
  const serve = [process.execPath, program, 'serve', '--port', String(port), '--data', temporaryDirectory(t), ...flags];
  const child = spawn('bash', ['-c', script, 'bash', ...serve], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...withoutSettings(process.env), [stopWithParentEnvironmentName]: '1' },
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'close').then(() => child.exitCode);
  const ready = (): Promise<void> =>
    eventually(async () => {
      assert.equal(child.exitCode, null, said);
      assert.equal((await ask(url, '/readyz')).status, 200);
    });
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return within(ended, 'the end of the node');
  };
  return { url, ended, ready, stop, said: () => said };
}

for (const [what, script] of [
  ['whose reader of stderr has gone', 'exec "$@" 2> >(head -1 >/dev/null)'],
  ['whose stdout and stderr are on a full disk', 'exec "$@" >/dev/full 2>&1'],
] as const) {
  test(`a node ${what} starts, serves, and stops with exit code 0`, { skip: notLinux }, async (t) => {
    const node = await startInShell(t, script, ['--log-level', 'debug']);
    await node.ready();
    const { status } = await ask(node.url, '/v0/entity?id=a', { method: 'PUT', body: 'v' });
    assert.equal(status, 201);
    assert.equal(await node.stop(), 0);
  });
}

test('too little address space is refused by the setting that needs it', { skip: notLinux }, async (t) => {
  const node = await startInShell(t, 'ulimit -v 100000000; exec "$@"');
  assert.equal(await within(node.ended, 'the refusal'), 2);
  const [, fits] = /--store-bytes-max (\d+MiB)\n$/.exec(node.said()) ?? assert.fail(node.said());
  const smaller = await startInShell(t, 'ulimit -v 100000000; exec "$@"', ['--store-bytes-max', fits ?? '']);
  await smaller.ready();
  assert.equal(await smaller.stop(), 0);
});

test('a node warns at its start where clients could use up its open files', { skip: notLinux }, async (t) => {
  const node = await startInShell(t, 'ulimit -n 1000; exec "$@"');
  await node.ready();
  assert.match(node.said(), /"level":"warn".*raise ulimit -n to \d+, or lower --connections-max/);
});

test(
  'a store whose last flush fails ends the node with exit code 1, and says so',
  { skip: whyNoInjection() ?? false },
  async (t) => {
    const cluster = await startCluster(t, { nodes: 1, durability: 'commit' });
    assert.equal((await cluster.put(0, 'a', 'v')).status, 201);
    const node = cluster.node(0);
    await inject(t, node.pid ?? 0, 'fdatasync,fsync,msync:error=EIO');
    assert.deepEqual(await node.stop(), { code: 1, signal: null });
    assert.match(node.stderr, /^kvorum: (Storage failed|The store could not be closed in good order): /m);
    assert.doesNotMatch(node.stderr, /"stopped"/);
  },
);
