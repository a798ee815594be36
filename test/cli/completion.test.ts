import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allCommands } from '../../src/cli/commands.ts';
import { completionScript, shells } from '../../src/cli/completion.ts';
import { optionsOf } from '../../src/cli/command.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const commands = await allCommands();

const bash = (script: string, args: readonly string[] = []): string => {
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', ...args], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
};

/** What bash offers for the last word of a line. */
function offered(...words: readonly string[]): readonly string[] {
  const script = `${completionScript('bash', commands)}
COMP_WORDS=(kvorum "$@"); COMP_CWORD=$#; _kvorum; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return bash(script, words)
    .split('\n')
    .filter((word) => word !== '');
}

const completions: readonly [words: readonly string[], expected: readonly string[]][] = [
  [['sta'], ['status']],
  [['serve', '--durab'], ['--durability']],
  [
    ['serve', '--durability', ''],
    ['fsync', 'commit'],
  ],
  [['serve', '--durability', 'f'], ['fsync']],
  [['up', '--no-ins'], ['--no-insecure']],
  [['bench', '--rate', '1'], []],
  [
    ['help', 'comp'],
    ['compare', 'completion'],
  ],
  [['completion', 'z'], ['zsh']],
];

for (const [words, expected] of completions) {
  test(`bash completes "kvorum ${words.join(' ')}" to ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(offered(...words), expected);
  });
}

test('each script names every command and every option that help can show', () => {
  for (const shell of shells) {
    const script = completionScript(shell, commands);
    for (const command of commands) {
      assert.ok(script.includes(command.name), `${shell}: ${command.name}`);
      for (const { flag } of optionsOf(command)) {
        assert.ok(
          script.includes(shell === 'fish' ? `-l ${flag}` : `--${flag}`),
          `${shell}: ${command.name} --${flag}`,
        );
      }
    }
  }
});

for (const shell of shells) {
  const isThere = spawnSync(shell, ['-c', 'exit 0']).status === 0;
  test(`${shell} reads its script without an error`, { skip: isThere ? false : `${shell} is not installed` }, (t) => {
    const script = join(temporaryDirectory(t), 'script');
    writeFileSync(script, completionScript(shell, commands));
    const { status, stderr } = spawnSync(shell, ['-n', script], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
  });
}
