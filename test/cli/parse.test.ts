import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../src/cli/command.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { parseLine } from '../../src/cli/parse.ts';
import { nearest } from '../../src/diagnostics/nearest.ts';

const command: Command = {
  name: 'test',
  summary: 'A command for tests',
  usage: 'A [B]',
  positionals: { min: 1, max: 2 },
  options: [
    { flag: 'port', placeholder: 'N', about: 'a value' },
    { flag: 'nodes', short: 'n', placeholder: 'N', about: 'a value with a letter' },
    { flag: 'force', about: 'a switch' },
    { flag: 'repair', isNegatable: true, about: 'a switch that can be turned off' },
  ],
  examples: ['kvorum test a'],
  run: () => Promise.resolve(exitCodes.ok),
};

const good: readonly [args: string[], flags: Record<string, string | boolean>, positionals: string[]][] = [
  [['a'], {}, ['a']],
  [['a', '--port', '1'], { port: '1' }, ['a']],
  [['--port=1', 'a', 'b'], { port: '1' }, ['a', 'b']],
  [['a', '-n', '3'], { nodes: '3' }, ['a']],
  [['a', '-n3'], { nodes: '3' }, ['a']],
  [['a', '--force', '--repair'], { force: true, repair: true }, ['a']],
  [['a', '--no-repair'], { repair: false }, ['a']],
  [['a', '--port', '1', '--port', '2'], { port: '2' }, ['a']],
  [['a', '--port=-x'], { port: '-x' }, ['a']],
  [['a', '--port='], { port: '' }, ['a']],
  [['a', '-'], {}, ['a', '-']],
  [['a', ''], {}, ['a', '']],
  [['--', '--port', '-x'], {}, ['--port', '-x']],
];

for (const [args, flags, positionals] of good) {
  test(`parseLine() takes ${JSON.stringify(args)}`, () => {
    const line = parseLine(command, args);
    assert.ok(line.kind === 'run', JSON.stringify(line));
    assert.deepEqual(Object.fromEntries(line.flags), flags);
    assert.deepEqual(line.positionals, positionals);
  });
}

const wrong: readonly [args: string[], message: string][] = [
  [['a', '--prot', '1'], 'Unknown option "--prot"; did you mean "--port"?'],
  [['a', '--no-repiar'], 'Unknown option "--no-repiar"; did you mean "--no-repair"?'],
  [['a', '--no-force'], 'Unknown option "--no-force"'],
  [['a', '--zzzzzz'], 'Unknown option "--zzzzzz"'],
  [['a', '-x'], 'Unknown option "-x"'],
  [['a', '--port'], 'Option "--port" needs a value: N'],
  [['a', '--port', '--force'], 'Option "--port" needs a value: N'],
  [['a', '--force=1'], 'Option "--force" takes no value'],
  [['a', '--no-repair=1'], 'Option "--no-repair" takes no value'],
  [[], 'Too few arguments; usage: kvorum test A [B]'],
  [['a', 'b', 'c'], 'Unexpected argument "c"; usage: kvorum test A [B]'],
];

for (const [args, message] of wrong) {
  test(`parseLine() refuses ${JSON.stringify(args)}`, () => {
    assert.deepEqual(parseLine(command, args), { kind: 'wrong', message });
  });
}

test('parseLine() shows help whatever else is wrong', () => {
  assert.deepEqual(parseLine(command, ['--bogus', '-h']), { kind: 'help', isAll: false });
  assert.deepEqual(parseLine(command, ['--help']), { kind: 'help', isAll: false });
  assert.deepEqual(parseLine(command, ['--help', '--help-all']), { kind: 'help', isAll: true });
});

const words = ['serve', 'status', 'get', 'put', 'del', 'value-bytes-max'];
const meant: readonly [given: string, word: string | undefined][] = [
  ['gte', 'get'],
  ['sevre', 'serve'],
  ['stat', 'status'],
  ['delete', undefined],
  ['value-byte-max', 'value-bytes-max'],
  ['zzz', undefined],
  ['', undefined],
];

for (const [given, word] of meant) {
  test(`nearest() finds ${word ?? 'nothing'} for "${given}"`, () => {
    assert.equal(nearest(given, words), word);
  });
}
