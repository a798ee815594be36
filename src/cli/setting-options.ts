/** The settings of a node as options of a command, made from the settings table. */
import { goneSettings } from '../settings/entries.ts';
import { kebab } from '../settings/kinds.ts';
import { settingNames, settingsTable, type SettingName } from '../settings/settings.ts';
import { configEnvironmentName, configFlag } from '../settings/sources.ts';
import type { Option } from './command.ts';

const configOption: Option = {
  flag: configFlag,
  placeholder: 'FILE',
  about: `JSON file of settings by their names in kvorum config; ${configEnvironmentName} in the environment`,
};

/** An option for each setting, and `--config`. */
export function settingOptions(): readonly Option[] {
  return optionsFor(settingNames);
}

/** An option for each setting that the nodes of a cluster share, but not for those in `except`. */
export function sharedSettingOptions(except: readonly SettingName[] = []): readonly Option[] {
  return optionsFor(settingNames.filter((name) => !settingsTable[name].isPerNode && !except.includes(name)));
}

/** The option of a setting that each node has its own of, as a command that starts all of them takes it. */
export function clusterOption(name: SettingName, meaning: string, fallback: string): Option {
  const { flag, placeholder, environmentName } = settingsTable[name];
  return { flag, placeholder, about: `${meaning} (default ${fallback}; ${environmentName})` };
}

/** Options that went away; each is refused with its word in `gone`. */
export function goneOptions(gone: Readonly<Record<string, string>>): readonly Option[] {
  return Object.entries(gone).map(([name, why]) => ({ flag: kebab(name), about: '', isNegatable: true, gone: why }));
}

function optionsFor(names: readonly SettingName[]): readonly Option[] {
  return [...names.map(settingOption), configOption, ...goneOptions(goneSettings)];
}

function settingOption(name: SettingName): Option {
  const { flag, placeholder, why, bounds, defaultWords, environmentName, isCommon, choices } = settingsTable[name];
  const facts = [bounds, ...(defaultWords === '' ? [] : [`default ${defaultWords}`]), environmentName].join('; ');
  const option = { flag, about: `${why} (${facts})`, isRare: !isCommon, ...(choices && { choices }) };
  return placeholder === '' ? { ...option, isNegatable: true } : { ...option, placeholder };
}
