/**
 * `kvorum config`: every setting, its value, where the value comes from, its bound, and what it is for; or, for no node in
 * particular, docs/settings.md.
 */
import { KvorumError } from '../diagnostics/errors.ts';
import { resolveSettings, type ResolvedSetting } from '../settings/config.ts';
import type { Flags } from '../settings/sources.ts';
import { outputOption, type Command, type Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { renderTable, writeResult } from './output.ts';
import { choiceFlag } from './parse.ts';
import { settingOptions } from './setting-options.ts';
import { settingsDocument } from './settings-document.ts';

const formats = ['table', 'json', 'markdown'] as const;

export const configCommand: Command = {
  name: 'config',
  summary: 'Show each setting with its value, origin, bound and purpose',
  usage: '[options]',
  details:
    'Takes the same options as serve and shows what serve would run with: flag, then environment, then file, then ' +
    'default. With --output markdown it writes the documents of all settings, and how to choose each, instead.',
  positionals: { min: 0, max: 0 },
  options: [{ ...outputOption, placeholder: formats.join('|') }, ...settingOptions()],
  examples: ['kvorum config', 'kvorum config --mode sync', 'KVORUM_WORKERS=2 kvorum config --output json'],
  run: showConfig,
};

async function showConfig({ flags, environment }: Invocation): Promise<ExitCode> {
  const format = choiceFlag(flags, outputOption.flag, formats, 'table');
  if (format === 'markdown') {
    refuseSettings(flags);
    await writeResult(settingsDocument());
    return exitCodes.ok;
  }
  const { list } = resolveSettings({ flags, environment });
  await writeResult(format === 'json' ? `${JSON.stringify(list)}\n` : renderTable(tableOf(list)));
  return exitCodes.ok;
}

function refuseSettings(flags: Flags): void {
  const stray = [...flags.keys()].find((flag) => flag !== outputOption.flag);
  if (stray === undefined) return;
  throw new KvorumError('bad-setting', `--output markdown shows defaults, not a node's values: leave --${stray} out`);
}

function tableOf(list: readonly ResolvedSetting[]) {
  return {
    head: ['SETTING', 'VALUE', 'UNIT', 'ORIGIN', 'BOUND', 'WHAT IT IS FOR'],
    rows: list.map((setting) => [
      setting.name,
      setting.value === '' ? '-' : setting.value,
      setting.unit === '' ? '-' : setting.unit,
      originOf(setting),
      setting.bounds,
      setting.why,
    ]),
  };
}

function originOf({ origin, originDetail }: ResolvedSetting): string {
  return originDetail === undefined ? origin : `${origin} (${originDetail})`;
}
