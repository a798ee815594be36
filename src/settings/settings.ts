/** The types of a node's settings, and the table of them by name, both taken from entries.ts. */
import type { Topology } from '../domain/topology.ts';
import type { TlsMaterial } from '../tls/material.ts';
import { entries } from './entries.ts';
import { kebab, type Entry, type NeededBy } from './kinds.ts';

type Entries = typeof entries;

export type SettingName = keyof Entries;

/** All settings of a node, by name; what each is for is in entries.ts. */
export type NodeSettings = {
  readonly [Name in SettingName]: Entries[Name] extends Entry<infer T, NeededBy> ? T : never;
};

type WorkerSettingName = {
  [Name in SettingName]: Entries[Name]['neededBy'] extends 'node' ? never : Name;
}[SettingName];

/**
 * What a worker is told when it starts (its Piscina `workerData`, so it is plain data): the settings whose entries say so,
 * and what the node makes of others. `host` is the address that the node binds, undefined for all interfaces, and
 * `replicationFactor` is never 0.
 */
export interface WorkerSettings extends Pick<NodeSettings, WorkerSettingName> {
  readonly topology: Topology;
  readonly version: string;
  /** A number by which peers tell this process from the one before it (`Sender.start`). */
  readonly start: number;
  /** What it shows peers, and whom it trusts; undefined where nodes speak without TLS. */
  readonly tls: TlsMaterial | undefined;
}

/** What a worker thread is started with (its Piscina `workerData`). */
export interface WorkerData {
  readonly settings: WorkerSettings;
  /** Which of the node's workers it is: from 0 up to `settings.workers`. A thread that replaces a dead one has its index. */
  readonly index: number;
  /** Whether no other worker of the pool has opened the store before: it brings the store into the state that all go by. */
  isFirst: boolean;
}

/** An entry with its names: one as a flag, without the dashes, and one in the environment. */
export type Setting<T> = Entry<T> & Names;

interface Names {
  readonly flag: string;
  readonly environmentName: string;
  readonly placeholder: string;
}

export type SettingsTable = { readonly [Name in SettingName]: Setting<NodeSettings[Name]> };

/** In the order of entries.ts, which is that of help and documents. */
export const settingNames = Object.keys(entries) as readonly SettingName[];

export const settingsTable = Object.fromEntries(
  settingNames.map((name) => [name, { ...entries[name], ...namesOf(name) }]),
  // Asserted, since the compiler loses the names on the way.
) as unknown as SettingsTable;

/** The name of an environment variable that stands for `flag`. */
export function environmentNameOf(flag: string): string {
  return `KVORUM_${flag.replaceAll('-', '_').toUpperCase()}`;
}

function namesOf(name: SettingName): Names {
  const { flag = kebab(name), placeholder = flag.split('-').at(-1)?.toUpperCase() ?? '' } = entries[name];
  return { flag, environmentName: environmentNameOf(flag), placeholder };
}
