/** The settings of a node as options of a command, made from the settings table. */
import { configEnvironmentName, configFlag, defaultText } from '../settings/config.ts';
import { settingsTable, type SettingName } from '../settings/settings.ts';
import type { Option } from './command.ts';

/** An option for each setting but those in `except`, and `--config`. */
export function settingOptions(except: readonly SettingName[] = []): readonly Option[] {
  const names = (Object.keys(settingsTable) as SettingName[]).filter((name) => !except.includes(name));
  return [...names.map(settingOption), configOption];
}

const configOption: Option = {
  flag: configFlag,
  placeholder: 'FILE',
  about: `JSON file of settings by their names in kvorum config; ${configEnvironmentName} in the environment`,
};

function settingOption(name: SettingName): Option {
  const { flag, placeholder, why, bounds, environmentName } = settingsTable[name];
  const value = defaultText(name);
  const facts = [bounds, ...(value === '' ? [] : [`default ${value}`]), environmentName].join('; ');
  const option = { flag, about: `${why} (${facts})` };
  return placeholder === '' ? { ...option, isNegatable: true } : { ...option, placeholder };
}
