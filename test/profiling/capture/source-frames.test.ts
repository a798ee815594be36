import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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

test('a function of the bundle that threads run has the name, the file and the line of its source', () => {
  const root = new URL('../../../../', import.meta.url);
  const linesOf = (path: string): readonly string[] => readFileSync(new URL(path, root), 'utf8').split('\n');
  const url = 'file:///opt/kvorum/dist/bundled/threads/entry.js';
  const renamed = linesOf('dist/bundled/threads/entry.js').flatMap((line, lineNumber) => {
    const functionName = /^(?:async )?function (\w+2)\(/.exec(line)?.[1];
    return functionName === undefined ? [] : [{ functionName, lineNumber, columnNumber: line.indexOf('(') }];
  });
  assert.ok(renamed.length > 0);
  for (const place of renamed) {
    const { name, origin, file, line } = frameResolver()({ ...place, url, scriptId: '1' });
    assert.deepEqual([origin, name], ['project', place.functionName.slice(0, -1)]);
    assert.match(linesOf(file)[(line ?? 0) - 1] ?? '', new RegExp(`function ${name}\\b`));
  }
});
