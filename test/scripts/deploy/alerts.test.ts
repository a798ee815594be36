/** The alert rules and the board, by the tools that will read them. That their metrics are there: test/cluster/operations.test.ts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promtool, skipWithoutPromtool } from '../../support/promtool.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(`../../../../scripts/deploy/${name}`, import.meta.url));
const textOf = (name: string): string => readFileSync(pathOf(name), 'utf8');
const guide = textOf('../../docs/operating.md');
const alerts = [...textOf('alerts.yml').matchAll(/- alert: (\w+)\n([\s\S]*?)(?=\n {6}- alert|\n {2}- name|$)/g)].map(
  ([, name = '', body = '']) => ({ name, body }),
);

test('promtool finds the alert rules right', { skip: skipWithoutPromtool }, () => {
  const { code, said } = promtool(['check', 'rules', pathOf('alerts.yml')]);
  assert.equal(code, 0, said);
  assert.match(said, new RegExp(`${alerts.length} rules found`));
});

test('each alert fires in its story, and only then', { skip: skipWithoutPromtool }, () => {
  const { code, said } = promtool(['test', 'rules', pathOf('alerts.test.yml')]);
  assert.equal(code, 0, said);
});

test('each alert has a story that it fires in', () => {
  const stories = textOf('alerts.test.yml');
  assert.ok(alerts.length > 15);
  for (const { name } of alerts) assert.ok(stories.includes(`alertname="${name}", alertstate="firing"`), name);
});

test('each alert says how bad it is, what it means, and where to read on', () => {
  for (const { name, body } of alerts) {
    assert.match(body, /severity: (?:page|ticket) /, name);
    for (const field of ['summary', 'description'])
      assert.match(body, new RegExp(`\\n {10}${field}: '[^']{10,}'`), name);
    assert.ok(body.includes(`runbook: docs/operating.md#${name.toLowerCase()}`), name);
    assert.ok(guide.includes(`\n### ${name}\n`), name);
  }
});

test('the board is what its script prints, without two panels in one place', () => {
  const { stdout } = spawnSync(process.execPath, [pathOf('grafana-board.mjs')], { encoding: 'utf8' });
  assert.equal(
    textOf('grafana-board.json'),
    stdout,
    'node scripts/deploy/grafana-board.mjs > scripts/deploy/grafana-board.json',
  );
  const { panels } = JSON.parse(stdout) as {
    readonly panels: readonly { readonly gridPos: object; readonly id: number }[];
  };
  assert.equal(new Set(panels.map(({ gridPos }) => JSON.stringify(gridPos))).size, panels.length);
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
});
