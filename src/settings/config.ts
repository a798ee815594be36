/**
 * From flags, environment, file and defaults to the settings of one node: the first of them that names a setting wins.
 *
 * All input is parsed here, once, and how bounds relate to each other is asserted, so that the rest of the system may
 * rely on it. Every refusal is a KvorumError `bad-setting` that names where the value stands, the value, and what is
 * accepted instead.
 */
import { readFileSync } from 'node:fs';
import { KvorumError, messageOf } from '../domain/errors.ts';
import { parseTopology } from '../domain/topology.ts';
import { KIB } from '../domain/units.ts';
import { suggestion } from '../nearest.ts';
import { formatSize, type DefaultsContext, type Setting } from './kinds.ts';
import { defaultPort, settingsTable, type NodeSettings, type SettingName } from './settings.ts';

export type { NodeSettings } from './settings.ts';

/** Flags by name without dashes; a switch is a boolean. */
export type Flags = ReadonlyMap<string, string | boolean>;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingSources {
  readonly flags: Flags;
  readonly environment: Environment;
}

export type Origin = 'flag' | 'environment' | 'file' | 'default';

/** One setting as `kvorum config` shows it. */
export interface ResolvedSetting {
  readonly name: SettingName;
  /** `***` for a secret. */
  readonly value: string;
  readonly unit: string;
  readonly origin: Origin;
  /** The flag, the variable, the file, or what a default depends on. */
  readonly originDetail: string | undefined;
  readonly flag: string;
  readonly environmentName: string;
  readonly bounds: string;
  readonly why: string;
}

export interface ResolvedSettings {
  readonly settings: NodeSettings;
  readonly list: readonly ResolvedSetting[];
}

/** Name of the flag, and of the environment variable, that name the settings file. */
export const configFlag = 'config';
export const configEnvironmentName = 'KVORUM_CONFIG';

/** What an operation's frame needs besides the value: key, version, quorum, and the frame's own head. */
const frameHeadroomBytes = 64 * KIB;

const settingNames = Object.keys(settingsTable) as readonly SettingName[];

/** A setting's text, and where it was found. */
interface Given {
  readonly text: string;
  readonly origin: Exclude<Origin, 'default'>;
  readonly where: string;
}

type Find = (name: SettingName) => Given | undefined;

/** The settings of a node. Throws `bad-setting`. */
export function resolveSettings(sources: SettingSources): ResolvedSettings {
  const find = finder(sources);
  const context = defaultsContext(find);
  const settings = parseAll(find, context);
  assertRelations(settings);
  return { settings, list: settingNames.map((name) => describe(name, settings, find(name), context)) };
}

/**
 * The arguments of `kvorum serve` that resolve to `settings`, where neither environment nor file says otherwise. What
 * equals its default is left out, so that process lists stay readable; so is the secret, see `serveEnvironment`.
 */
export function serveArguments(settings: NodeSettings): string[] {
  const always: readonly SettingName[] = ['port', 'self', 'cluster', 'dataDirectory'];
  const context: DefaultsContext = settings;
  return settingNames.flatMap((name) => {
    const { flag, isSecret, placeholder } = settingsTable[name];
    const value = formatValue(name, settings);
    if (isSecret) return [];
    if (!always.includes(name) && value === formatDefault(name, context)) return [];
    if (placeholder === '') return [value === 'true' ? `--${flag}` : `--no-${flag}`];
    return [`--${flag}=${value}`];
  });
}

/** The environment that completes `serveArguments`: what must not show in a process list. */
export function serveEnvironment(settings: NodeSettings): Record<string, string> {
  const { clusterSecret } = settings;
  return clusterSecret === '' ? {} : { [settingsTable.clusterSecret.environmentName]: clusterSecret };
}

/** The default of a setting as help shows it, for a node that was told nothing. */
export function defaultText(name: SettingName): string {
  const self = `http://localhost:${defaultPort}`;
  const context: DefaultsContext = { mode: 'batched', dispatch: 'pool', port: defaultPort, self };
  return formatDefault(name, context) || (settingsTable[name].defaultNote(context) ?? '');
}

function finder({ flags, environment }: SettingSources): Find {
  const path = flags.get(configFlag) ?? environment[configEnvironmentName];
  const file = path === undefined || path === '' ? undefined : readSettingsFile(String(path));
  return (name) => {
    const { flag, environmentName } = settingsTable[name];
    const fromFlag = flags.get(flag);
    if (fromFlag !== undefined) return { text: String(fromFlag), origin: 'flag', where: `--${flag}` };
    // An empty variable is an unset one: that is how container files unset what they cannot remove.
    const fromEnvironment = environment[environmentName];
    if (fromEnvironment !== undefined && fromEnvironment !== '') {
      return { text: fromEnvironment, origin: 'environment', where: environmentName };
    }
    const fromFile = file?.get(name);
    return fromFile === undefined ? undefined : { text: fromFile, origin: 'file', where: String(path) };
  };
}

function readSettingsFile(path: string): ReadonlyMap<SettingName, string> {
  const parsed = parseJsonFile(path);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new KvorumError('bad-setting', `Cannot use settings file "${path}": it must hold one JSON object`);
  }
  return new Map(Object.entries(parsed).map(([key, value]) => [nameInFile(key, path), textInFile(key, value, path)]));
}

function parseJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new KvorumError('bad-setting', `Cannot read settings file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function nameInFile(key: string, path: string): SettingName {
  const name = settingNames.find((one) => one === key);
  if (name !== undefined) return name;
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

/** Mode, dispatch, port and self first, since the defaults of others follow from them. */
function defaultsContext(find: Find): DefaultsContext {
  const urlsPort = portOf(find('self')?.text) ?? defaultPort;
  const unsettled: DefaultsContext = { mode: 'batched', dispatch: 'pool', port: urlsPort, self: '' };
  const mode = parseOne('mode', find, unsettled);
  const dispatch = parseOne('dispatch', find, unsettled);
  const port = parseOne('port', find, unsettled);
  return { mode, dispatch, port, self: parseOne('self', find, { ...unsettled, port }) };
}

/** A node that is told only its URL listens on that URL's port. */
function portOf(url: string | undefined): number | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { port } = new URL(url);
  return port === '' ? 80 : Number(port);
}

function parseOne<Name extends SettingName>(name: Name, find: Find, context: DefaultsContext): NodeSettings[Name] {
  const setting: Setting<NodeSettings[Name]> = settingsTable[name];
  const given = find(name);
  if (given === undefined) return setting.defaultFor(context);
  const parsed = setting.parse(given.text);
  if (parsed !== undefined) return parsed.value;
  const place = given.origin === 'file' ? `"${name}" in "${given.where}"` : given.where;
  const shown = setting.isSecret ? '' : ` "${given.text}"`;
  throw new KvorumError('bad-setting', `Bad ${place}${shown}: expected ${setting.expected}`);
}

/** In one place by name, so that the compiler sees a setting that is missing. */
function parseAll(find: Find, context: DefaultsContext): NodeSettings {
  const parse = <Name extends SettingName>(name: Name): NodeSettings[Name] => parseOne(name, find, context);
  return {
    host: parse('host'),
    port: parse('port'),
    self: parse('self'),
    cluster: parse('cluster'),
    dataDirectory: parse('dataDirectory'),
    mode: parse('mode'),
    durability: parse('durability'),
    workers: parse('workers'),
    dispatch: parse('dispatch'),
    replicaPort: parse('replicaPort'),
    replicationFactor: parse('replicationFactor'),
    clusterSecret: parse('clusterSecret'),
    timeoutMs: parse('timeoutMs'),
    operationsInFlightMax: parse('operationsInFlightMax'),
    poolQueueMax: parse('poolQueueMax'),
    keyBytesMax: parse('keyBytesMax'),
    valueBytesMax: parse('valueBytesMax'),
    bodyBytesInFlightMax: parse('bodyBytesInFlightMax'),
    answerBytesInFlightMax: parse('answerBytesInFlightMax'),
    connectionsMax: parse('connectionsMax'),
    frameBytesMax: parse('frameBytesMax'),
    batchBytesMax: parse('batchBytesMax'),
    peerBatchesInFlightMax: parse('peerBatchesInFlightMax'),
    peerProtocol: parse('peerProtocol'),
    peerConnectionsMax: parse('peerConnectionsMax'),
    peerQueueBytesMax: parse('peerQueueBytesMax'),
    storeBytesMax: parse('storeBytesMax'),
    mapWrites: parse('mapWrites'),
    clockDriftMsMax: parse('clockDriftMsMax'),
    readRepair: parse('readRepair'),
    rangesMax: parse('rangesMax'),
    rangeMsMax: parse('rangeMsMax'),
    profileMsMax: parse('profileMsMax'),
    trustStore: parse('trustStore'),
    logLevel: parse('logLevel'),
    drainMsMax: parse('drainMsMax'),
    keepAliveMs: parse('keepAliveMs'),
  };
}

/** How the bounds relate: each that holds operations must hold the largest one, and what is admitted must find room. */
function assertRelations(settings: NodeSettings): void {
  const { valueBytesMax, bodyBytesInFlightMax, replicaPort, workers, port, replicationFactor } = settings;
  const nodes = parseTopology(settings.self, settings.cluster).nodes.length;
  assertAtLeast(settings, 'bodyBytesInFlightMax', { bytes: valueBytesMax, of: '--value-bytes-max' });
  assertAtLeast(settings, 'answerBytesInFlightMax', { bytes: valueBytesMax, of: '--value-bytes-max' });
  assertAtLeast(settings, 'storeBytesMax', { bytes: valueBytesMax, of: '--value-bytes-max' });
  const operation = { bytes: valueBytesMax + frameHeadroomBytes, of: '--value-bytes-max and 64KiB' };
  assertAtLeast(settings, 'frameBytesMax', operation);
  const inFlight = { bytes: bodyBytesInFlightMax + frameHeadroomBytes, of: '--body-bytes-in-flight-max and 64KiB' };
  assertAtLeast(settings, 'peerQueueBytesMax', inFlight);
  assertAtLeast(settings, 'frameBytesMax', { bytes: settings.batchBytesMax, of: '--batch-bytes-max' });
  if (replicationFactor > nodes) {
    refuse(
      `Bad --replication-factor "${replicationFactor}": --cluster has only ${nodes} node${nodes === 1 ? '' : 's'}`,
    );
  }
  if (settings.dispatch === 'inline' && workers > 1) {
    refuse(`Bad --workers "${workers}": --dispatch inline runs one worker, on the main thread`);
  }
  if (replicaPort === 0) return;
  const lastReplicaPort = replicaPort + workers - 1;
  if (lastReplicaPort > 65_535) {
    refuse(`Bad --replica-port "${replicaPort}": ${workers} workers need ports up to ${lastReplicaPort}`);
  }
  if (port >= replicaPort && port <= lastReplicaPort) {
    refuse(`Bad --replica-port "${replicaPort}": ports ${replicaPort} to ${lastReplicaPort} include --port ${port}`);
  }
}

type SizeName =
  'bodyBytesInFlightMax' | 'answerBytesInFlightMax' | 'storeBytesMax' | 'frameBytesMax' | 'peerQueueBytesMax';

function assertAtLeast(settings: NodeSettings, name: SizeName, least: { bytes: number; of: string }): void {
  if (settings[name] >= least.bytes) return;
  const { flag } = settingsTable[name];
  refuse(
    `Bad --${flag} "${formatSize(settings[name])}": expected at least ${formatSize(least.bytes)}, the size of ${least.of}`,
  );
}

function refuse(message: string): never {
  throw new KvorumError('bad-setting', message);
}

function describe(
  name: SettingName,
  settings: NodeSettings,
  given: Given | undefined,
  context: DefaultsContext,
): ResolvedSetting {
  const { unit, flag, environmentName, bounds, why, isSecret, defaultNote } = settingsTable[name];
  const text = formatValue(name, settings);
  return {
    name,
    value: isSecret && text !== '' ? '***' : text,
    unit,
    origin: given?.origin ?? 'default',
    originDetail: given?.where ?? defaultNote(context),
    flag,
    environmentName,
    bounds,
    why,
  };
}

function formatValue<Name extends SettingName>(name: Name, settings: NodeSettings): string {
  const setting: Setting<NodeSettings[Name]> = settingsTable[name];
  return setting.format(settings[name]);
}

function formatDefault<Name extends SettingName>(name: Name, context: DefaultsContext): string {
  const setting: Setting<NodeSettings[Name]> = settingsTable[name];
  return setting.format(setting.defaultFor(context));
}
