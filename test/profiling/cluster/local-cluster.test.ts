import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLocalCluster } from '../../../profiling/cluster/local-cluster.ts';
import { ask, entityTarget } from '../../support/client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

test('a cluster whose directory is kept starts again on its data, at the same URLs', async (t) => {
  const directory = temporaryDirectory(t);
  const urls: (string | undefined)[] = [];
  for (const method of ['PUT', 'GET']) {
    await using cluster = await startLocalCluster({ count: 1, directory });
    const url = cluster.nodes[0]?.url ?? '';
    urls.push(url);
    const answer = await ask(url, entityTarget('key'), method === 'PUT' ? { method, body: 'value' } : {});
    assert.equal(answer.status, method === 'PUT' ? 201 : 200);
  }
  assert.equal(urls[0], urls[1]);
});
