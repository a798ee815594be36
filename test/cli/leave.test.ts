/** A process of `kvorum serve` ends, whatever its threads do. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { startCluster } from '../support/cluster.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const skip = process.platform === 'win32' && 'there are no FIFOs';

test(
  'a node whose thread does not end ends all the same, has stopped in good order, and says so',
  { skip },
  async (t) => {
    const fifo = join(temporaryDirectory(t), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const preload = new URL('../support/stuck-thread.js', import.meta.url).href;
    const environments = [{ NODE_OPTIONS: `--import=${preload}`, STUCK_FIFO: fifo }];
    const cluster = await startCluster(t, { nodes: 1, durability: 'commit', environments });
    const node = cluster.node(0);
    assert.equal((await cluster.put(0, 'key', 'value')).status, 201);
    assert.deepEqual(await cluster.stop(0), { code: null, signal: 'SIGKILL' });
    assert.match(node.stderr, /"message":"stopped"/);
    assert.match(
      node.stderr,
      /kvorum: threads that do not end: 1; the process kills itself, its exit code would be 0\n/,
    );
    await cluster.start(0);
    assert.equal((await cluster.get(0, 'key')).body.toString(), 'value');
  },
);
