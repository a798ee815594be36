import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { readScriptLine } from '../../profiling/script-options.ts';

const line = {
  options: {
    seed: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    all: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
  numbers: ['seed', 'rounds'],
  choices: { only: ['node', 'replica'] },
} as const;

test('options are read, with their defaults', () => {
  const read = readScriptLine(line, ['--seed', '17', '--only', 'node']);
  assert.ok(read.kind === 'read');
  assert.deepEqual({ ...read.values }, { seed: '17', rounds: '3', all: false, only: 'node' });
});

for (const [args, message] of [
  [['--sed', '17'], "Unknown option '--sed'"],
  [['--seed', 'abc'], 'Bad --seed "abc": expected a number from 0'],
  [['--rounds=1e3'], 'Bad --rounds "1e3": expected a number from 0'],
  [['--only', 'nod'], 'Bad --only "nod": expected node, replica'],
  [['--rounds='], 'Bad --rounds "": expected a number from 0'],
  [['--seed'], "Option '--seed <value>' argument missing"],
  [['word'], "Unexpected argument 'word'"],
] as const) {
  test(`${args.join(' ')} is refused in one sentence`, () => {
    assert.deepEqual(readScriptLine(line, args), { kind: 'wrong', message });
  });
}

for (const name of ['simulation', 'torture', 'fuzz', 'slow-clients']) {
  test(`the command of ${name} refuses a line that it cannot read, and does nothing`, () => {
    const program = fileURLToPath(new URL(`../${name}/main.js`, import.meta.url));
    const { status, stderr, stdout } = spawnSync(process.execPath, [program, '--nosuch'], { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^Unknown option '--nosuch'; [^\n]*\n$/);
  });
}
