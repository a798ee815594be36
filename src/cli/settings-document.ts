/** docs/settings.md, made from the settings table. */
import { goneSettings } from '../settings/entries.ts';
import { kebab } from '../settings/kinds.ts';
import { settingNames, settingsTable, type SettingName } from '../settings/settings.ts';
import { configEnvironmentName, configFlag } from '../settings/sources.ts';

const introduction = `# Settings

What a node can be told. Written by \`kvorum config --output markdown\`; \`kvorum config\` shows the values of a node and where
each comes from.

A setting is looked for as a flag of \`kvorum serve\` or \`kvorum up\` (\`--timeout-ms 2s\`), then as an environment variable (the
flag in capitals: \`KVORUM_TIMEOUT_MS=2s\`), then by its name in the JSON file that \`--${configFlag}\` or \`${configEnvironmentName}\`
names (\`{ "timeoutMs": "2s" }\`). Sizes are bytes or take KiB, MiB, GiB; durations are milliseconds or take ms, s. A switch
is \`--new-cluster\`, \`--no-new-cluster\`, \`true\` or \`false\`. A value out of bounds is refused at start.
`;

/** Every setting: default, bound, purpose and how to choose it. `gone` names those that went away, and why. */
export function settingsDocument(gone: Readonly<Record<string, string>> = goneSettings): string {
  const goneRows = Object.entries(gone).map(([name, why]) => [`\`${name}\` \`--${kebab(name)}\``, why]);
  const sections = [
    introduction,
    table(
      ['setting', 'default', 'accepted', 'unit', 'purpose', 'how to choose it', 'read by'],
      settingNames.map(rowOf),
    ),
    ...(goneRows.length === 0 ? [] : ['## Gone\n', table(['setting', 'why'], goneRows)]),
  ];
  return sections.join('\n');
}

function rowOf(name: SettingName): string[] {
  const { flag, defaultWords, bounds, unit, why, choose, neededBy } = settingsTable[name];
  const names = `\`${name}\` \`--${flag}\``;
  const readers = { node: 'main thread', worker: 'workers', both: 'both' }[neededBy];
  return [names, defaultWords, bounds, unit, why, choose, readers];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')));
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
