import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goneSettings } from '../../src/settings/entries.ts';
import type { Others } from '../../src/settings/kinds.ts';
import { resolveSettings } from '../../src/settings/config.ts';
import {
  settingNames,
  settingsTable,
  type NodeSettings,
  type Setting,
  type SettingName,
} from '../../src/settings/settings.ts';

const { settings } = resolveSettings({ flags: new Map(), environment: {} });
const others: Others = { ...settings, selfAsGiven: undefined, memoryLimitBytes: 16 * 1024 ** 3 };

/** A default that is no value: there is none, or the node does without. */
const unset = new Set(['']);

function defaultOf<Name extends SettingName>(
  name: Name,
): { readonly text: string; readonly parsed: string | undefined } {
  const { format, parse, defaultFor }: Setting<NodeSettings[Name]> = settingsTable[name];
  const text = format(defaultFor(others));
  const parsed = parse(text);
  return { text, parsed: parsed === undefined ? undefined : format(parsed.value) };
}

for (const name of settingNames) {
  test(`the default of ${name} is within its own bounds, and named where it is described`, () => {
    const { text, parsed } = defaultOf(name);
    if (!unset.has(text)) assert.equal(parsed, text);
    // Addresses follow from each other, and are described by that instead.
    if (!settingsTable[name].isPerNode) assert.ok(settingsTable[name].defaultWords.startsWith(text), text);
  });
}

test('every entry says in one sentence what it is for, and in one how to choose it', () => {
  for (const { why, choose } of Object.values(settingsTable)) {
    assert.match(why, /^[A-Z].*[^.]$/);
    assert.match(choose, /^[A-Za-z0-9].*[^.]$/);
  }
});

test('no setting is both there and gone', () => {
  assert.deepEqual(
    Object.keys(goneSettings).filter((name) => Object.hasOwn(settingsTable, name)),
    [],
  );
});
