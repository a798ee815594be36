import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameResolver } from '../../../profiling/capture/source-frames.ts';

const cases = [
  ['/opt/kvorum/dist/workers/peers/peer-connection.js', 'project', 'workers/peers/peer-connection.ts'],
  ['/app/node_modules/kvorum/dist/workers/peers/peer-connection.js', 'project', 'workers/peers/peer-connection.ts'],
  ['/app/node_modules/kvorum/node_modules/lmdb/dist/src/index.js', 'package', 'lmdb/dist/src/index.js'],
  ['/app/node_modules/lmdb/dist/src/index.js', 'package', 'lmdb/dist/src/index.js'],
] as const;

for (const [path, origin, file] of cases) {
  test(`"${path}" is code of ${origin === 'project' ? 'Kvorum' : 'a package'}`, () => {
    const callFrame = { functionName: 'f', scriptId: '1', url: `file://${path}`, lineNumber: 0, columnNumber: 0 };
    const frame = frameResolver()(callFrame);
    assert.deepEqual([frame.origin, frame.file], [origin, file]);
  });
}
