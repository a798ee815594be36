import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { allCommands } from '../../src/cli/commands.ts';
import { kvorumInProcess } from './in-process.ts';
import { kvorum, spawnKvorum } from './kvorum.ts';

const commands = await allCommands();

for (const { name, examples } of commands) {
  test(`kvorum ${name} --help exits 0 and shows an example`, async () => {
    const [own, byHelp] = await Promise.all([kvorumInProcess([name, '--help']), kvorumInProcess(['help', name])]);
    assert.equal(own.code, 0);
    assert.equal(own.stderr, '');
    assert.match(own.stdout.toString(), new RegExp(`^Usage: kvorum ${name}`, 'm'));
    assert.ok(examples.length > 0);
    for (const example of examples) assert.ok(own.stdout.includes(`  ${example}\n`), example);
    assert.deepEqual(byHelp, own);
  });
}

test('kvorum --help lists every command', async () => {
  const { code, stdout } = await kvorum(['--help']);
  assert.equal(code, 0);
  for (const { name, summary } of commands) assert.match(stdout.toString(), new RegExp(`^  ${name} +${summary}$`, 'm'));
});

test('kvorum --version prints the version alone', async () => {
  const { code, stdout } = await kvorum(['--version']);
  assert.equal(code, 0);
  assert.match(stdout.toString(), /^\d+\.\d+\.\d+\n$/);
});

test('kvorum without a command shows help on stderr and exits 2', async () => {
  const { code, stdout, stderr } = await kvorum([]);
  assert.equal(code, 2);
  assert.equal(stdout.length, 0);
  assert.match(stderr, /Usage: kvorum COMMAND/);
});

const wrongLines: readonly [args: string[], message: string][] = [
  [['gte', 'x'], 'kvorum: Unknown command "gte"; did you mean "get"?'],
  [['frobnicate'], 'kvorum: Unknown command "frobnicate"; kvorum --help lists all'],
  [['help', 'sevre'], 'kvorum: Unknown command "sevre"; did you mean "serve"?'],
  [['serve', '--prot', '1'], 'kvorum: Unknown option "--prot"; did you mean "--port"? (kvorum serve --help)'],
  [['serve', '--workers', '0'], 'kvorum: Bad --workers "0": expected a whole number from 1 to 64'],
  [['get'], 'kvorum: Too few arguments; usage: kvorum get KEY [options] (kvorum get --help)'],
  [['get', 'k', '--ack', '0'], 'kvorum: Bad --ack "0": expected a whole number from 1 to 64'],
  [['get', 'k', '--url', 'localhost'], 'kvorum: Bad --url "localhost": expected a URL like http://localhost:8080'],
  [['get', 'k', '--timeout-ms', '1h'], 'kvorum: Bad --timeout-ms "1h": expected a duration like 500, 500ms or 2s'],
  [['put', 'k'], 'kvorum: No value: give VALUE, - for stdin, or --file FILE'],
  [['put', 'k', 'v', '--file', 'f'], 'kvorum: Two values: give VALUE, - or --file, not two of them'],
  [['config', '--output', 'xml'], 'kvorum: Bad --output "xml": expected table, json or markdown'],
  [
    ['config', '--output', 'markdown', '--mode', 'sync'],
    "kvorum: --output markdown shows defaults, not a node's values: leave --mode out",
  ],
  [['up', '-n', '65'], 'kvorum: Bad --nodes "65": expected a whole number from 1 to 64'],
  [['up', '--port', '65535'], 'kvorum: Bad --port "65535": 3 nodes need one from 1 to 65533'],
  [['up', '--port', '0'], 'kvorum: Bad --port "0": 3 nodes need one from 1 to 65533'],
  [
    ['put', '\ufffd', 'v'],
    'kvorum: Argument "\ufffd" is not UTF-8 text, or has U+FFFD, which stands for that; give such a value in a file or on stdin (kvorum put --help)',
  ],
  [['up', '--self', 'http://localhost:1'], 'kvorum: Unknown option "--self" (kvorum up --help)'],
];

for (const [args, message] of wrongLines) {
  test(`kvorum ${args.join(' ')} is refused in one line with exit code 2`, async () => {
    const { code, stdout, stderr } = await kvorumInProcess(args);
    assert.deepEqual({ code, stdout: stdout.toString(), stderr }, { code: 2, stdout: '', stderr: `${message}\n` });
  });
}

test('kvorum config shows value, unit, origin, bound and purpose of each setting', async () => {
  const { code, stdout } = await kvorum(['config', '--mode', 'sync'], { environment: { KVORUM_TIMEOUT_MS: '2s' } });
  assert.equal(code, 0);
  const lines = stdout
    .toString()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(lines.find(([name]) => name === 'timeoutMs')?.slice(0, 5), [
    'timeoutMs',
    '2000',
    'ms',
    'environment (KVORUM_TIMEOUT_MS)',
    '1 to 60000',
  ]);
  assert.deepEqual(lines.find(([name]) => name === 'workers')?.slice(1, 4), ['3', 'threads', 'default (mode sync)']);
});

test('kvorum config --output json is JSON without colour', async () => {
  const { stdout } = await kvorum(['config', '--output', 'json'], { environment: { FORCE_COLOR: '1' } });
  const list: unknown = JSON.parse(stdout.toString());
  assert.ok(Array.isArray(list));
  assert.equal(stdout.includes('\u001b'), false);
});

test('kvorum ends quietly when its reader has seen enough', async () => {
  const child = spawnKvorum(['config']);
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  child.stdout?.destroy();
  await once(child, 'close');
  assert.deepEqual({ code: child.exitCode, stderr }, { code: 0, stderr: '' });
});
