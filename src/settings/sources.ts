/**
 * Where a setting may be said: in a flag, in the environment, in a file; the first of them that names it wins. Here it is
 * still a text.
 */
import { readFileSync } from 'node:fs';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { suggestion } from '../diagnostics/nearest.ts';
import { goneSettings } from './entries.ts';
import { kebab } from './kinds.ts';
import { environmentNameOf, settingNames, settingsTable, type SettingName } from './settings.ts';

/** Flags by name without dashes; a switch is a boolean. */
export type Flags = ReadonlyMap<string, string | boolean>;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingSources {
  readonly flags: Flags;
  readonly environment: Environment;
}

/** A setting's text, and where it was found. */
export interface Given {
  readonly text: string;
  readonly origin: 'flag' | 'environment' | 'file';
  /** The flag, the variable, or the path of the file. */
  readonly where: string;
}

export type Find = (name: SettingName) => Given | undefined;

/** Name of the flag, and of the environment variable, that name the settings file. */
export const configFlag = 'config';
export const configEnvironmentName = environmentNameOf(configFlag);

/**
 * What finds a setting in `sources`; reads the settings file. Throws `bad-setting` where the file cannot be used, or where
 * a setting of `gone` is given.
 */
export function finder({ flags, environment }: SettingSources, gone = goneSettings): Find {
  const path = String(flags.get(configFlag) ?? environment[configEnvironmentName] ?? '');
  refuseGone(environment, gone);
  const file = path === '' ? undefined : readSettingsFile(path, gone);
  return (name) => {
    const { flag, environmentName } = settingsTable[name];
    const fromFlag = flags.get(flag);
    if (fromFlag !== undefined) return { text: String(fromFlag), origin: 'flag', where: `--${flag}` };
    const fromEnvironment = variable(environment, environmentName);
    if (fromEnvironment !== undefined) return { text: fromEnvironment, origin: 'environment', where: environmentName };
    const fromFile = file?.get(name);
    return fromFile === undefined ? undefined : { text: fromFile, origin: 'file', where: path };
  };
}

/** An empty variable is an unset one: that is how container files unset what they cannot remove. */
function variable(environment: Environment, name: string): string | undefined {
  return environment[name] === '' ? undefined : environment[name];
}

/** Flags that are gone have been refused with the command line. */
function refuseGone(environment: Environment, gone: typeof goneSettings): void {
  for (const [name, why] of Object.entries(gone)) {
    const environmentName = environmentNameOf(kebab(name));
    if (variable(environment, environmentName) === undefined) continue;
    throw new KvorumError('bad-setting', `${environmentName} is gone: ${why}`);
  }
}

function readSettingsFile(path: string, gone: typeof goneSettings): ReadonlyMap<SettingName, string> {
  const parsed = parseJsonFile(path);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new KvorumError('bad-setting', `Cannot use settings file "${path}": it must hold one JSON object`);
  }
  const named = Object.entries(parsed).map(([key, value]) => [nameInFile(key, path, gone), key, value] as const);
  return new Map(named.map(([name, key, value]) => [name, textInFile(key, value, path)]));
}

function parseJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new KvorumError('bad-setting', `Cannot read settings file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function nameInFile(key: string, path: string, gone: typeof goneSettings): SettingName {
  const name = settingNames.find((one) => one === key);
  if (name !== undefined) return name;
  if (Object.hasOwn(gone, key)) throw new KvorumError('bad-setting', `"${key}" in "${path}" is gone: ${gone[key]}`);
  const hint = settingNames.find((one) => settingsTable[one].flag === key);
  const meant = hint === undefined ? suggestion(key, settingNames) : `; did you mean "${hint}"?`;
  throw new KvorumError('bad-setting', `Unknown setting "${key}" in "${path}"${meant}`);
}

function textInFile(key: string, value: unknown, path: string): string {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(',');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  const given = JSON.stringify(value);
  throw new KvorumError(
    'bad-setting',
    `Bad "${key}" in "${path}": ${given} is neither a text, number, switch nor list`,
  );
}
