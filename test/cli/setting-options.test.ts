import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchOptions } from '../../profiling/cli/bench-flags.ts';
import { profileOptions } from '../../profiling/cli/profile-options.ts';
import { commandHelp } from '../../src/cli/help.ts';
import type { Command, Option } from '../../src/cli/command.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { parseLine } from '../../src/cli/parse.ts';
import { goneOptions } from '../../src/cli/setting-options.ts';
import { serveCommand } from '../../src/cli/serve.ts';
import { upCommand } from '../../src/cli/up.ts';
import { settingNames, settingsTable } from '../../src/settings/settings.ts';

const gone = { oldBytesMax: 'the log is bounded by --log-bytes-max', oldSwitch: 'it is always on' };

const command: Command = {
  name: 'test',
  summary: 'A command for tests',
  usage: '',
  positionals: { min: 0, max: 0 },
  options: [...goneOptions(gone), { flag: 'rare-ms', placeholder: 'MS', about: 'for few', isRare: true }],
  examples: [],
  run: () => Promise.resolve(exitCodes.ok),
};

const goneLines: readonly [args: string[], message: string][] = [
  [['--old-bytes-max', '1MiB'], 'Option "--old-bytes-max" is gone: the log is bounded by --log-bytes-max'],
  [['--old-bytes-max=1MiB'], 'Option "--old-bytes-max" is gone: the log is bounded by --log-bytes-max'],
  [['--old-switch'], 'Option "--old-switch" is gone: it is always on'],
  [['--no-old-switch'], 'Option "--no-old-switch" is gone: it is always on'],
];

for (const [args, message] of goneLines) {
  test(`an option that is gone is refused with the word on why: ${args.join(' ')}`, () => {
    assert.deepEqual(parseLine(command, args), { kind: 'wrong', message });
  });
}

test('an option that is gone is neither in help nor suggested', () => {
  assert.doesNotMatch(commandHelp(command, { isAll: true }), /old-/);
  assert.deepEqual(parseLine(command, ['--old-swich']), { kind: 'wrong', message: 'Unknown option "--old-swich"' });
});

test('a rare option is only in the long help, which the short one names', () => {
  const short = commandHelp(command, { isAll: false });
  assert.doesNotMatch(short, /rare-ms/);
  assert.match(short, /^1 more options: kvorum test --help-all$/m);
  const long = commandHelp(command, { isAll: true });
  assert.match(long, /--rare-ms MS/);
  assert.doesNotMatch(long, /more options/);
  assert.match(String(Reflect.get(parseLine(command, ['--raer-ms']), 'message')), /did you mean "--rare-ms"/);
});

test('serve takes every setting, up those that nodes share, bench and profile pass these on', () => {
  const flagsOf = (options: readonly Option[]): Set<string> => new Set(options.map(({ flag }) => flag));
  const [serve, up] = [flagsOf(serveCommand.options), flagsOf(upCommand.options)];
  const passedOn = [flagsOf(benchOptions), flagsOf(profileOptions)];
  for (const name of settingNames) {
    const { flag, isPerNode } = settingsTable[name];
    assert.ok(serve.has(flag), flag);
    if (isPerNode) continue;
    assert.ok(up.has(flag), flag);
    // Where a cluster for a measurement listens is the measurement's business.
    const isPassedOn = !['host', 'replicaPort'].includes(name);
    for (const flags of passedOn) assert.equal(flags.has(flag), isPassedOn, flag);
  }
  for (const flag of ['self', 'cluster']) assert.equal(up.has(flag), false);
});
