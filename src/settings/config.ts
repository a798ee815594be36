/**
 * From flags, environment, file and defaults to the settings of one node.
 *
 * All input is parsed here, once, and how bounds relate to each other is asserted, so that the rest of the system may
 * rely on it. Every refusal is a KvorumError `bad-setting` that names where the value stands, the value, and what is
 * accepted instead.
 */
import { KvorumError } from '../diagnostics/errors.ts';
import { parseTopology } from '../domain/topology.ts';
import type { NeededBy, Others } from './kinds.ts';
import { memoryLimit } from './memory-limit.ts';
import { settingNames, settingsTable, type NodeSettings, type Setting, type SettingName } from './settings.ts';
import { finder, type Find, type Given, type SettingSources } from './sources.ts';

/** One setting as `kvorum config` shows it. */
export interface ResolvedSetting {
  readonly name: SettingName;
  /** `***` for a secret. */
  readonly value: string;
  readonly unit: string;
  readonly origin: Given['origin'] | 'default';
  /** The flag, the variable, the file, or what a default depends on. */
  readonly originDetail: string | undefined;
  readonly flag: string;
  readonly environmentName: string;
  readonly bounds: string;
  readonly why: string;
  readonly choose: string;
  readonly neededBy: NeededBy;
}

export interface ResolvedSettings {
  readonly settings: NodeSettings;
  readonly list: readonly ResolvedSetting[];
}

/** The settings of a node that may have so much memory. Throws `bad-setting`. */
export function resolveSettings(sources: SettingSources, memoryLimitBytes = memoryLimit()): ResolvedSettings {
  const find = finder(sources);
  const all = parseAll(find, memoryLimitBytes);
  const { selfAsGiven: _, memoryLimitBytes: __, ...settings } = all;
  parseTopology(settings.self, settings.cluster);
  for (const name of settingNames) assertFits(name, find(name), all);
  return { settings, list: settingNames.map((name) => describe(name, find(name), all)) };
}

/**
 * The arguments of `kvorum serve` that resolve to `settings`, where neither environment nor file says otherwise. What
 * equals its default is left out, so that process lists stay readable, but for what tells nodes apart; so is a secret, see
 * `serveEnvironment`.
 */
export function serveArguments(settings: NodeSettings): string[] {
  const changed = changedSettings(settings);
  return settingNames.flatMap((name) => {
    const { flag, isPerNode, placeholder } = settingsTable[name];
    const value = isPerNode ? formatValue(name, settings) : changed[flag];
    if (value === undefined) return [];
    if (placeholder === '') return [value === 'true' ? `--${flag}` : `--no-${flag}`];
    return [`--${flag}=${value}`];
  });
}

/** By flag, the settings that differ from their defaults; neither secrets nor what tells nodes apart. */
export function changedSettings(settings: NodeSettings): Record<string, string> {
  const others: Others = { ...settings, selfAsGiven: settings.self, memoryLimitBytes: memoryLimit() };
  const changed = settingNames.flatMap((name) => {
    const { flag, isSecret, isPerNode } = settingsTable[name];
    const value = formatValue(name, settings);
    const isToTell = !isSecret && !isPerNode && value !== formatDefault(name, others);
    return isToTell ? [[flag, value] as const] : [];
  });
  return Object.fromEntries(changed);
}

/** The environment that completes `serveArguments`: what must not show in a process list. */
export function serveEnvironment(settings: NodeSettings): Record<string, string> {
  const secrets = settingNames.filter((name) => settingsTable[name].isSecret && formatValue(name, settings) !== '');
  return Object.fromEntries(secrets.map((name) => [settingsTable[name].environmentName, formatValue(name, settings)]));
}

/** Each setting is parsed when it is first looked at, so that a default may follow from any other setting. */
function parseAll(find: Find, memoryLimitBytes: number): NodeSettings & Others {
  // Asserted: the loop gives it every setting by name.
  const all = { selfAsGiven: find('self')?.text, memoryLimitBytes } as NodeSettings & Others;
  for (const name of settingNames) {
    const get = (): unknown => {
      const value = parseOne(name, find(name), all);
      Object.defineProperty(all, name, { value, enumerable: true });
      return value;
    };
    Object.defineProperty(all, name, { get, enumerable: true, configurable: true });
  }
  return all;
}

function parseOne(name: SettingName, given: Given | undefined, others: Others): unknown {
  const { parse, defaultFor, isSecret, expected } = settingsTable[name];
  if (given === undefined) return defaultFor(others);
  const parsed = parse(given.text);
  if (parsed !== undefined) return parsed.value;
  const shown = isSecret ? '' : ` "${given.text}"`;
  throw new KvorumError('bad-setting', `Bad ${placeOf(name, given)}${shown}: expected ${expected}`);
}

/** How the bounds relate: each that holds operations must hold the largest one, and what is admitted must find room. */
function assertFits<Name extends SettingName>(name: Name, given: Given | undefined, all: NodeSettings & Others): void {
  const setting: Setting<NodeSettings[Name]> = settingsTable[name];
  const problem = setting.check(all[name], all);
  if (problem === undefined) return;
  throw new KvorumError('bad-setting', `Bad ${placeOf(name, given)} "${setting.format(all[name])}": ${problem}`);
}

function placeOf(name: SettingName, given: Given | undefined): string {
  if (given === undefined) return `--${settingsTable[name].flag}`;
  return given.origin === 'file' ? `"${name}" in "${given.where}"` : given.where;
}

function describe(name: SettingName, given: Given | undefined, all: NodeSettings & Others): ResolvedSetting {
  const { unit, flag, environmentName, bounds, why, choose, neededBy, isSecret, defaultNote } = settingsTable[name];
  const text = formatValue(name, all);
  return {
    name,
    value: isSecret && text !== '' ? '***' : text,
    unit,
    origin: given?.origin ?? 'default',
    originDetail: given?.where ?? defaultNote(all),
    flag,
    environmentName,
    bounds,
    why,
    choose,
    neededBy,
  };
}

function formatValue<Name extends SettingName>(name: Name, settings: NodeSettings): string {
  const setting: Setting<NodeSettings[Name]> = settingsTable[name];
  return setting.format(settings[name]);
}

function formatDefault<Name extends SettingName>(name: Name, others: Others): string {
  const setting: Setting<NodeSettings[Name]> = settingsTable[name];
  return setting.format(setting.defaultFor(others));
}
