/** What others get: the package, installed in a small project, and the client as a browser gets it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'kvorum-package-'));
after(() => rmSync(project, { recursive: true, force: true }));
const installed = join(project, 'node_modules/kvorum');

/** As `npm install FILE` does where what the package depends on is there, and without a registry. */
function install(): void {
  // Built it is: the tests run what is built.
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project], { cwd: root });
  const [file = ''] = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(project, file), '-C', installed, '--strip-components=1']);
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
}

const program = `
import Keyv from 'keyv';
import { connect, KvorumClientError, type ClientErrorCode, type Found, type KvorumClient } from 'kvorum/client';
import { KvorumKeyv } from 'kvorum/keyv';

const store: KvorumClient = connect(['http://localhost:1'], { ack: 2, from: 3, fetch, roundsMax: 1 });
export const keyv = new Keyv({ store: new KvorumKeyv('http://localhost:1') });
export async function found(signal: AbortSignal): Promise<Found | undefined> {
  for await (const { key, value } of store.range({ start: new Uint8Array([1]), limit: 2 })) {
    const length: number = key.length + value.length;
    await store.put(key, String(length), { retry: 'idempotent', ttlMs: 1000, signal });
  }
  // @ts-expect-error: a number is no value
  await store.put('k', 1);
  return store.get('k');
}
export const code: ClientErrorCode = await store.get('k').then(
  () => 'refused' as const,
  (error: unknown) => (error instanceof KvorumClientError ? error.code : 'aborted'),
);
console.log(code);
`;

test('the package installs: its types check, its exports and its program run', () => {
  install();
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'main.ts'), program);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const flags = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--target',
    'es2023',
    '--lib',
    'es2023,dom',
    '--types',
    '',
  ];
  execFileSync(process.execPath, [tsc, ...flags, '--module', 'nodenext', 'main.ts'], { cwd: project, stdio: 'pipe' });
  const run = (...args: readonly string[]): string => execFileSync(process.execPath, args, { cwd: project }).toString();
  assert.equal(run('main.js'), 'unreachable\n');
  assert.match(run('node_modules/kvorum/dist/src/cli/main.js', '--version'), /^\d+\.\d+\.\d+\n$/);
});

test('client and adapter need nothing that browsers do not have', async () => {
  const entries = ['client', 'keyv'].map((name) => `export * from './${name}.js';`).join('\n');
  const { outputFiles, metafile } = await build({
    stdin: { contents: entries, resolveDir: join(root, 'dist/src/client') },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'kvorum',
    write: false,
    metafile: true,
  });
  const inputs = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>');
  assert.deepEqual(
    inputs.filter((path) => !/dist\/src\/(?:client\/[\w-]+|formats\/foreign-json)\.js$/.test(path)),
    [],
  );
  // No `process`, no `Buffer`, no `require`.
  const asked: string[] = [];
  const page = createContext({
    AbortController,
    TextDecoder,
    TextEncoder,
    URL,
    atob,
    clearTimeout,
    performance,
    setTimeout,
    fetch: (url: string, { method }: { readonly method: string }) => {
      asked.push(`${method} ${url}`);
      const headers = { etag: '"7"', 'last-modified': 'Fri, 28 Nov 2025 18:00:00 GMT' };
      return Promise.resolve(
        new Response(method === 'PUT' ? null : 'v', { status: method === 'PUT' ? 201 : 200, headers }),
      );
    },
  });
  const said: unknown = await runInContext(
    `${outputFiles[0]?.text};
    const store = kvorum.connect('http://node:1');
    store.put('k', 'v').then(() => store.get('k')).then(({ version, value }) => version + String(value));`,
    page,
  );
  assert.deepEqual([said, asked], ['7118', ['PUT http://node:1/v0/entity?id=k', 'GET http://node:1/v0/entity?id=k']]);
});
