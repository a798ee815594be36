import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseLine } from '../../src/cli/parse.ts';
import { serveCommand } from '../../src/cli/serve.ts';
import { changedSettings, resolveSettings, serveArguments, serveEnvironment } from '../../src/settings/config.ts';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { settingsTable, type NodeSettings, type SettingName } from '../../src/settings/settings.ts';
import type { Environment } from '../../src/settings/sources.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const cluster = 'http://localhost:8080,http://localhost:8081,http://localhost:8082';

type FlagValues = Readonly<Record<string, string | boolean>>;

function resolve(flags: FlagValues = {}, environment: Environment = {}) {
  return resolveSettings({ flags: new Map(Object.entries(flags)), environment });
}

function originOf(name: SettingName, flags: FlagValues, environment: Environment = {}): string {
  const { origin, originDetail } = resolve(flags, environment).list.find((one) => one.name === name) ?? {};
  return `${origin}: ${originDetail}`;
}

function settingsFile(t: TestContext, content: unknown): string {
  const path = join(temporaryDirectory(t), 'node.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function refusal(flags: FlagValues, environment: Environment = {}): string {
  try {
    resolve(flags, environment);
  } catch (error) {
    assert.ok(error instanceof KvorumError);
    assert.equal(error.code, 'bad-setting');
    return error.message;
  }
  return 'accepted';
}

test('resolveSettings() takes the flag, then the environment, then the file, then the default', (t) => {
  const config = settingsFile(t, { workers: 4, timeoutMs: '2s' });
  const environment = { KVORUM_WORKERS: '3', KVORUM_CONFIG: config };
  assert.equal(resolve({ workers: '2' }, environment).settings.workers, 2);
  assert.equal(resolve({}, environment).settings.workers, 3);
  assert.equal(resolve({ config }).settings.workers, 4);
  assert.equal(resolve().settings.workers, 1);
  assert.equal(resolve({}, environment).settings.timeoutMs, 2000);
});

test('resolveSettings() names the origin of each value', (t) => {
  const config = settingsFile(t, { workers: 4 });
  assert.equal(originOf('workers', { workers: '2' }), 'flag: --workers');
  assert.equal(originOf('workers', {}, { KVORUM_WORKERS: '3' }), 'environment: KVORUM_WORKERS');
  assert.equal(originOf('workers', { config }), `file: ${config}`);
  assert.equal(originOf('workers', {}), 'default: undefined');
  assert.equal(originOf('workers', { mode: 'sync' }), 'default: mode sync');
  assert.equal(originOf('port', { self: 'http://localhost:9000' }), 'default: the port of --self');
  assert.equal(originOf('port', { port: '9000' }), 'flag: --port');
});

test('resolveSettings() treats an empty environment variable as unset', () => {
  assert.equal(resolve({}, { KVORUM_WORKERS: '', KVORUM_CONFIG: '' }).settings.workers, 1);
});

test('resolveSettings() runs one node on its own without any setting', () => {
  const { settings } = resolve();
  assert.equal(settings.port, 8080);
  assert.equal(settings.self, 'http://localhost:8080');
  assert.deepEqual(settings.cluster, ['http://localhost:8080']);
  assert.equal(settings.dataDirectory, 'data/8080');
  assert.equal(settings.mode, 'batched');
  assert.equal(settings.durability, 'fsync');
  assert.equal(settings.host, undefined);
});

test('resolveSettings() gives mode sync the pool of the Java study', () => {
  const { workers, poolQueueMax } = resolve({ mode: 'sync' }).settings;
  assert.deepEqual({ workers, poolQueueMax }, { workers: 3, poolQueueMax: 128 });
});

test('resolveSettings() listens on the port of --self where no port is given', () => {
  assert.equal(resolve({ self: 'http://localhost:9001' }).settings.port, 9001);
  assert.equal(resolve({ self: 'http://example.test' }).settings.port, 80);
  assert.equal(resolve({ self: 'http://localhost:9001', port: '9002' }).settings.port, 9002);
});

const accepted: readonly [flag: string, text: string, name: SettingName, value: unknown][] = [
  ['value-bytes-max', '1000', 'valueBytesMax', 1000],
  ['value-bytes-max', '64KiB', 'valueBytesMax', 65_536],
  ['value-bytes-max', '16 mib', 'valueBytesMax', 16_777_216],
  ['store-bytes-max', '2GiB', 'storeBytesMax', 2_147_483_648],
  ['timeout-ms', '500', 'timeoutMs', 500],
  ['timeout-ms', '500ms', 'timeoutMs', 500],
  ['timeout-ms', '1s', 'timeoutMs', 1000],
  ['port', '0', 'port', 0],
  ['durability', 'commit', 'durability', 'commit'],
  ['log-level', 'debug', 'logLevel', 'debug'],
  ['host', '0.0.0.0', 'host', '0.0.0.0'],
];

for (const [flag, text, name, value] of accepted) {
  test(`resolveSettings() reads --${flag} "${text}" as ${String(value)}`, () => {
    assert.equal(resolve({ [flag]: text }).settings[name], value);
  });
}

test('resolveSettings() reads switches from flags, environment and file', (t) => {
  assert.equal(resolve({ 'new-topology': false }).settings.newTopology, false);
  assert.equal(resolve({ 'new-cluster': true }).settings.newCluster, true);
  assert.equal(resolve({}, { KVORUM_NEW_TOPOLOGY: 'false' }).settings.newTopology, false);
  assert.equal(resolve({}, { KVORUM_NEW_CLUSTER: '1' }).settings.newCluster, true);
  assert.equal(resolve({ config: settingsFile(t, { newTopology: true }) }).settings.newTopology, true);
});

test('resolveSettings() reads --cluster as a list, in a file also as an array', (t) => {
  const urls = cluster.split(',');
  assert.deepEqual(resolve({ cluster }).settings.cluster, urls);
  assert.deepEqual(resolve({ config: settingsFile(t, { cluster: urls }) }).settings.cluster, urls);
});

const refused: readonly [flags: FlagValues, message: string][] = [
  [{ port: '70000' }, 'Bad --port "70000": expected a whole number from 0 to 65535'],
  [{ port: '80.5' }, 'Bad --port "80.5": expected a whole number from 0 to 65535'],
  [{ port: '-1' }, 'Bad --port "-1": expected a whole number from 0 to 65535'],
  [{ port: '' }, 'Bad --port "": expected a whole number from 0 to 65535'],
  [{ workers: '1k' }, 'Bad --workers "1k": expected a whole number from 1 to 64'],
  [{ mode: 'fast' }, 'Bad --mode "fast": expected sync, async or batched'],
  [{ dispatch: 'thread' }, 'Bad --dispatch "thread": expected pool or inline'],
  [{ dispatch: 'inline', workers: '2' }, 'Bad --workers "2": --dispatch inline runs one worker, on the main thread'],
  [{ 'read-repair': 'on' }, 'Bad --read-repair "on": expected blocking, background or off'],
  [{ consistency: 'eventual' }, 'Bad --consistency "eventual": expected quorum or strict'],
  [{ durability: 'none' }, 'Bad --durability "none": expected fsync or commit'],
  [
    { 'timeout-ms': '2m' },
    'Bad --timeout-ms "2m": expected a duration from 1ms to 60000ms (milliseconds, or a number with ms or s)',
  ],
  [
    { 'value-bytes-max': '16MB' },
    'Bad --value-bytes-max "16MB": expected a size from 1 to 256MiB (bytes, or a number with KiB, MiB or GiB)',
  ],
  [{ cluster: 'http://a:1,,http://b:1' }, 'Bad --cluster "http://a:1,,http://b:1": expected texts separated by commas'],
  [{ data: '' }, 'Bad --data "": expected a text that is not empty'],
  [{ self: 'localhost:8080' }, '--self "localhost:8080" is not a URL like http://host:port'],
  [
    { self: 'http://localhost:1', cluster: 'http://localhost:2' },
    '--self "http://localhost:1" is not in --cluster "http://localhost:2"',
  ],
  [
    { 'value-bytes-max': '32MiB', 'body-bytes-in-flight-max': '16MiB' },
    'Bad --body-bytes-in-flight-max "16MiB": expected at least 32MiB, the size of --value-bytes-max',
  ],
  [
    { 'value-bytes-max': '32MiB', 'answer-bytes-in-flight-max': '16MiB' },
    'Bad --answer-bytes-in-flight-max "16MiB": expected at least 32MiB, the size of --value-bytes-max',
  ],
  [
    { 'frame-bytes-max': '16MiB' },
    'Bad --frame-bytes-max "16MiB": expected at least 16448KiB, the size of --value-bytes-max and 64KiB',
  ],
  [
    { 'peer-queue-bytes-max': '1MiB' },
    'Bad --peer-queue-bytes-max "1MiB": expected at least 262208KiB, the size of --body-bytes-in-flight-max and 64KiB',
  ],
  [
    { 'value-bytes-max': '1KiB', 'frame-bytes-max': '128KiB' },
    'Bad --frame-bytes-max "128KiB": expected at least 256KiB, the size of --batch-bytes-max',
  ],
  [
    { 'store-bytes-max': '1MiB' },
    'Bad --store-bytes-max "1MiB": expected at least 16MiB, the size of --value-bytes-max',
  ],
  [{ 'replication-factor': '2' }, 'Bad --replication-factor "2": --cluster has only 1 node'],
  [{ cluster, 'replication-factor': '4' }, 'Bad --replication-factor "4": --cluster has only 3 nodes'],
  [{ 'replica-port': '65535', workers: '2' }, 'Bad --replica-port "65535": 2 workers need ports up to 65536'],
  [{ 'replica-port': '8079', workers: '2' }, 'Bad --replica-port "8079": ports 8079 to 8080 include --port 8080'],
];

for (const [flags, message] of refused) {
  test(`resolveSettings() refuses ${JSON.stringify(flags)}`, () => {
    assert.equal(refusal(flags), message);
  });
}

test('resolveSettings() names the variable or the file where the bad value stands', (t) => {
  assert.match(refusal({}, { KVORUM_PORT: 'x' }), /^Bad KVORUM_PORT "x": expected /);
  const path = settingsFile(t, { port: 'x' });
  assert.ok(refusal({ config: path }).startsWith(`Bad "port" in "${path}" "x": expected `));
});

test('resolveSettings() refuses files that are not one object of known settings', (t) => {
  const refuseFile = (content: unknown): string => refusal({ config: settingsFile(t, content) });
  assert.match(refuseFile({ wrokers: 1 }), /^Unknown setting "wrokers" in ".*"; did you mean "workers"\?$/);
  assert.match(refuseFile({ data: 'x' }), /^Unknown setting "data" in ".*"; did you mean "dataDirectory"\?$/);
  assert.match(refuseFile({ workers: null }), /^Bad "workers" in ".*": null is neither /);
  assert.match(refuseFile([]), /^Cannot use settings file ".*": it must hold one JSON object$/);
  assert.match(refuseFile('{'), /^Cannot read settings file ".*": /);
  assert.match(refusal({ config: '/nowhere/node.json' }), /^Cannot read settings file "\/nowhere\/node.json": ENOENT/);
});

test('resolveSettings() never shows the cluster secret', () => {
  const { settings, list } = resolve({}, { KVORUM_CLUSTER_SECRET: 's3cret' });
  assert.equal(settings.clusterSecret, 's3cret');
  assert.equal(JSON.stringify(list).includes('s3cret'), false);
  assert.equal(list.find(({ name }) => name === 'clusterSecret')?.value, '***');
});

test('settingsTable has a flag, a variable, a bound and a reason for each setting, none of them twice', () => {
  const all = Object.values(settingsTable);
  assert.equal(new Set(all.map(({ flag }) => flag)).size, all.length);
  for (const { flag, environmentName, bounds, why } of all) {
    assert.match(flag, /^[a-z]+(-[a-z]+)*$/);
    assert.equal(environmentName, `KVORUM_${flag.replaceAll('-', '_').toUpperCase()}`);
    assert.notEqual(bounds, '');
    assert.match(why, /^[A-Z].*[^.]$/);
  }
});

const roundTrips: readonly FlagValues[] = [
  {},
  { port: '0' },
  { mode: 'sync' },
  { mode: 'sync', dispatch: 'inline' },
  { mode: 'sync', workers: '1', 'pool-queue-max': '1024' },
  { host: '0.0.0.0', cluster, 'replication-factor': '2', data: '--odd', 'cluster-secret': '-s' },
  {
    'read-repair': 'background',
    'new-topology': true,
    'timeout-ms': '2s',
    'value-bytes-max': '1MiB',
    durability: 'commit',
  },
];

for (const flags of roundTrips) {
  test(`serveArguments() and serveEnvironment() resolve again to ${JSON.stringify(flags)}`, () => {
    const { settings } = resolve(flags);
    assert.deepEqual(resolveArguments(settings), settings);
  });
}

test('serveArguments() keeps the secret out of process lists, and defaults out of sight', () => {
  const { settings } = resolve({ 'cluster-secret': 's3cret' });
  assert.deepEqual(serveArguments(settings), [
    '--port=8080',
    '--self=http://localhost:8080',
    '--cluster=http://localhost:8080',
    '--data=data/8080',
  ]);
});

test('changedSettings() tells what is not at its default, and neither secrets nor what tells nodes apart', () => {
  const { settings } = resolve({ 'cluster-secret': 's3cret', port: '9090', durability: 'commit', insecure: true });
  assert.deepEqual(changedSettings(settings), { insecure: 'true', durability: 'commit' });
});

function resolveArguments(settings: NodeSettings): NodeSettings {
  const line = parseLine(serveCommand, serveArguments(settings));
  assert.ok(line.kind === 'run', JSON.stringify(line));
  return resolveSettings({ flags: line.flags, environment: serveEnvironment(settings) }).settings;
}

test('resolveSettings() takes TLS whole, and URLs that say it', () => {
  const tls = { 'tls-cert': 'cert', 'tls-key': 'key', 'tls-ca': 'ca' };
  assert.equal(resolve(tls).settings.self, 'https://localhost:8080');
  assert.equal(resolve({ ...tls, self: 'https://node' }).settings.port, 443);
  assert.match(refusal({ 'tls-cert': 'cert' }), /Bad --tls-cert "cert": TLS also needs --tls-key and --tls-ca/);
  assert.match(refusal({ 'tls-cert': 'cert', 'tls-key': 'key' }), /TLS also needs --tls-ca/);
  assert.match(refusal({ 'tls-key': 'key' }), /Bad --tls-key "key": it is of use only with --tls-cert/);
  assert.match(refusal({ ...tls, self: 'http://localhost:1' }), /--self "http:\/\/localhost:1" is not https/);
  assert.match(refusal({ self: 'https://localhost:1' }), /an https URL needs --tls-cert, --tls-key and --tls-ca/);
  const mixed = { ...tls, self: 'https://a:1', cluster: 'https://a:1,http://b:1' };
  assert.match(refusal(mixed), /--cluster has "http:\/\/b:1" beside "https:\/\/a:1": all nodes speak TLS, or none/);
  // It also says whom commands trust that ask nodes.
  assert.equal(refusal({}, { KVORUM_TLS_CA: 'ca' }), 'accepted');
});
