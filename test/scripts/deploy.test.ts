import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { adminRoutes } from '../../src/http/admin.ts';
import { settingNames, settingsTable } from '../../src/settings/settings.ts';

const folder = 'scripts/deploy';
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const settingVariables = new Set(settingNames.map((name) => settingsTable[name].environmentName));

/** The value at a path of a parsed document; fails the test where there is none. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value;
  for (const step of path) {
    assert.ok(typeof found === 'object' && found !== null && step in found, `no ${path.join('.')}`);
    found = Reflect.get(found, step);
  }
  return found;
}

function list(value: unknown): readonly unknown[] {
  assert.ok(Array.isArray(value));
  return value;
}

function variablesOf(text: string): readonly string[] {
  return [...text.matchAll(/\bKVORUM_[A-Z_]+/g)].map(([name]) => name);
}

for (const name of ['Dockerfile', 'compose.yaml', 'kubernetes.yaml', 'kvorum.service']) {
  test(`${name} sets nothing but settings that exist`, () => {
    const variables = variablesOf(read(name));
    assert.ok(variables.length > 0);
    for (const variable of variables) assert.ok(settingVariables.has(variable), variable);
  });
}

test('the image is built from files that are there, and its node is process 1 of a user without rights', () => {
  const lines = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const instructions = lines.filter((line) => /^[A-Z]+ /.test(line)).map((line) => line.split(/\s+/));
  const copied = instructions.filter(([name, from = '']) => name === 'COPY' && !from.startsWith('--from'));
  for (const [, ...paths] of copied) for (const path of paths.slice(0, -1)) assert.ok(existsSync(path), path);
  const last = (name: string): string =>
    instructions
      .findLast(([one]) => one === name)
      ?.slice(1)
      .join(' ') ?? '';
  assert.equal(last('USER'), '1000:1000');
  assert.deepEqual(JSON.parse(last('ENTRYPOINT')), ['node', 'dist/src/cli/main.js']);
  assert.deepEqual(JSON.parse(last('CMD')), ['serve']);
  const ignore = read('Dockerfile.dockerignore').split('\n');
  const kept = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  for (const path of kept) assert.ok(existsSync(path), path);
  assert.ok(ignore.includes('*'), 'data and secrets of the checkout stay out of the image');
});

test('compose starts three nodes that know each other, with data of their own and time to stop', () => {
  const services = at(parse(read('compose.yaml'), { merge: true }), 'services');
  const nodes = ['n1', 'n2', 'n3'].map((name) => at(services, name));
  const urls = nodes.map((node) => at(node, 'environment', 'KVORUM_SELF'));
  assert.equal(new Set(nodes.map((node) => String(at(node, 'volumes', 0)))).size, 3);
  for (const node of nodes) {
    assert.equal(at(node, 'environment', 'KVORUM_CLUSTER'), urls.join(','));
    assert.match(String(at(node, 'ports', 0)), /^127\.0\.0\.1:/);
    assert.equal(at(node, 'stop_grace_period'), '30s');
    assert.match(String(at(node, 'environment', 'KVORUM_CLUSTER_SECRET')), /^\$\{KVORUM_CLUSTER_SECRET:\?/);
  }
});

test('the StatefulSet starts its nodes together, asks paths that exist, and keeps a quorum while machines are drained', () => {
  const documents = parseAllDocuments(read('kubernetes.yaml')).map((one) => one.toJS() as unknown);
  const ofKind = (kind: string): unknown => documents.find((one) => at(one, 'kind') === kind);
  const set = ofKind('StatefulSet');
  assert.equal(at(set, 'spec', 'podManagementPolicy'), 'Parallel');
  const container = at(set, 'spec', 'template', 'spec', 'containers', 0);
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    assert.ok(Object.hasOwn(adminRoutes, String(at(container, probe, 'httpGet', 'path'))), probe);
  }
  const replicas = Number(at(set, 'spec', 'replicas'));
  const variables = list(at(container, 'env'));
  const cluster = variables.find((one) => at(one, 'name') === 'KVORUM_CLUSTER');
  const service = String(at(set, 'spec', 'serviceName'));
  const name = String(at(set, 'metadata', 'name'));
  const expected = Array.from({ length: replicas }, (_, index) => `http://${name}-${index}.${service}:8080`);
  assert.equal(at(cluster, 'value'), expected.join(','));
  assert.ok(documents.some((one) => at(one, 'kind') === 'Service' && at(one, 'metadata', 'name') === service));
  const budget = ofKind('PodDisruptionBudget');
  assert.ok(Number(at(budget, 'spec', 'maxUnavailable')) < replicas / 2);
  assert.equal(at(set, 'spec', 'template', 'spec', 'securityContext', 'runAsNonRoot'), true);
});

test('each way to run a node waits longer before it kills it than a stop takes', () => {
  const { drainDelayMs, drainMsMax } = settingsTable;
  const stopMs = Number(drainDelayMs.defaultWords) + Number(drainMsMax.defaultWords);
  const kubernetes = /terminationGracePeriodSeconds: (\d+)/.exec(read('kubernetes.yaml'))?.[1];
  const podDelay = /KVORUM_DRAIN_DELAY_MS, value: '(\d+)'/.exec(read('kubernetes.yaml'))?.[1];
  const systemd = /TimeoutStopSec=(\d+)/.exec(read('kvorum.service'))?.[1];
  assert.ok(Number(systemd) * 1000 > 2 * stopMs, systemd);
  assert.ok(Number(kubernetes) * 1000 > 2 * (stopMs + Number(podDelay)), kubernetes);
});

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
test('systemd reads the unit without complaint', { skip: !hasSystemd && 'systemd-analyze is not installed' }, () => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', join(folder, 'kvorum.service')], {
    encoding: 'utf8',
  });
  assert.equal(`${stdout}${stderr}`, '');
  assert.equal(status, 0);
});
