/**
 * `kvorum up`: a cluster of local nodes, each a process of its own, in the foreground until a signal stops it.
 *
 * All or nothing at start: if one node does not become ready, the others are stopped. Later a node that ends leaves the
 * others running: to go on without it is what the cluster is for.
 */
import { mkdirSync } from 'node:fs';
import { Buffer } from 'node:buffer';
import { setTimeout } from 'node:timers/promises';
import { takenPort } from '../free-ports.ts';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';
import { keepFilesPrivate } from '../data-directory.ts';
import { nodesMax } from '../domain/topology.ts';
import { defaultPort } from '../settings/entries/address.ts';
import { settingsTable } from '../settings/settings.ts';
import type { SettingSources } from '../settings/sources.ts';
import { useAccess } from '../tls/access.ts';
import { clientOf, readBody } from './client.ts';
import { keepCertificates } from './cluster-certificates.ts';
import { directoryDefault, drainDelayMsDefault, planCluster, told, type ClusterPlan } from './cluster-plan.ts';
import { keepClusterSecret } from './cluster-secret.ts';
import { outputOption, type Command, type Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { NodeProcess } from './node-process.ts';
import { outliveOutput, printable, renderTable, writeNotice, writeResult } from './output.ts';
import { countFlag, outputFormat } from './parse.ts';
import { clusterOption, sharedSettingOptions } from './setting-options.ts';
import { stopSignal } from './signals.ts';

type Format = ReturnType<typeof outputFormat>;

const nodesDefault = 3;
/** A node is ready well under a second after its start; this is for a loaded machine. */
const readyMsMax = 15_000;
const readyPollMs = 25;
/** What a stopping node may take besides its drain: closing threads and the store. */
const closeMsMax = 3500;

export const upCommand: Command = {
  name: 'up',
  summary: 'Start a local cluster, and stop it on Ctrl-C',
  usage: '[-n NODES] [--port PORT] [--data DIR] [options]',
  details:
    'Each node is a process of its own, on ports PORT, PORT + 1 and so on, with its data in DIR/n1, DIR/n2 and its ' +
    `log beside it (DIR is ./${directoryDefault} by default). The other options are passed on to each node.`,
  positionals: { min: 0, max: 0 },
  options: [
    { flag: 'nodes', short: 'n', placeholder: 'N', about: `How many nodes (default ${nodesDefault})` },
    outputOption,
    {
      flag: 'tls',
      about: 'Have the nodes speak TLS, with certificates that are made for this cluster alone, in DIR/tls',
    },
    clusterOption('port', 'Port of the first node', String(defaultPort)),
    clusterOption('dataDirectory', 'Directory of all nodes', directoryDefault),
    clusterOption('drainDelayMs', settingsTable.drainDelayMs.why, String(drainDelayMsDefault)),
    ...sharedSettingOptions(['drainDelayMs']),
  ],
  examples: ['kvorum up', 'kvorum up -n 5 --port 9000 --data /tmp/kvorum', 'kvorum up --mode sync --output json'],
  run: up,
};

async function up({ flags, environment }: Invocation): Promise<ExitCode> {
  keepFilesPrivate();
  outliveOutput();
  const format = outputFormat(flags);
  const plan = planTls({ flags, environment }, countFlag(flags, 'nodes', nodesMax) ?? nodesDefault);
  const caFile = plan.nodes[0]?.settings.tlsCert && plan.nodes[0].settings.tlsCa;
  if (caFile !== undefined) useAccess({ token: undefined, tokenFile: undefined, caFile });
  const taken = await firstTakenPort(plan);
  if (taken !== undefined) {
    writeNotice(`kvorum: Port ${taken} is taken; stop what listens on it, or choose other ports with --port`);
    return exitCodes.failure;
  }
  const nodes: NodeProcess[] = [];
  const stopAsked = stopSignal(() => nodes.forEach((node) => node.signal('SIGKILL')));
  try {
    for (const node of withSecret(plan).nodes) nodes.push(new NodeProcess({ ...node, environment }));
    return await runCluster(nodes, { format, stopAsked, caFile });
  } finally {
    await stopAll(nodes, stopMsMax(plan));
  }
}

interface ClusterRun {
  readonly format: Format;
  readonly stopAsked: Promise<NodeJS.Signals>;
  /** Of clusters that speak TLS. */
  readonly caFile: string | undefined;
}

async function runCluster(nodes: readonly NodeProcess[], { format, stopAsked, caFile }: ClusterRun): Promise<ExitCode> {
  const start = await Promise.race([waitUntilReady(nodes), stopAsked.then(() => 'interrupted' as const)]);
  if (start === 'interrupted') return exitCodes.interrupted;
  if (start !== 'ready') {
    writeNotice(printable(`kvorum: ${start.problem}`));
    return exitCodes.failure;
  }
  await writeResult(format === 'json' ? describeJson(nodes, caFile) : describeText(nodes, caFile));
  writeNotice('Press Ctrl-C to stop');
  return Promise.race([stopAsked.then(() => exitCodes.ok), watch(nodes, stopAsked)]);
}

/** The plan; with `--tls` its nodes get certificates of their own. */
function planTls(sources: SettingSources, count: number): ClusterPlan {
  const plan = planCluster(sources, count);
  if (sources.flags.get('tls') !== true || plan.nodes[0]?.settings.tlsCert !== undefined) return plan;
  const { cert: tlsCert, key: tlsKey, ca: tlsCa } = keepCertificates(plan.directory, Date.now());
  return planCluster(told(sources, { tlsCert, tlsKey, tlsCa }), count);
}

/** The cluster may have been given a secret; otherwise it gets one of its own. */
function withSecret(plan: ClusterPlan): ClusterPlan {
  const { directory, nodes } = plan;
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    const reason = messageOf(error);
    throw new KvorumError('store-unusable', `Cannot create directory "${directory}": ${reason}`, { cause: error });
  }
  if (nodes.every(({ settings }) => settings.clusterSecret !== '')) return plan;
  const clusterSecret = keepClusterSecret(directory);
  return { directory, nodes: nodes.map((node) => ({ ...node, settings: { ...node.settings, clusterSecret } })) };
}

async function firstTakenPort({ nodes }: ClusterPlan): Promise<number | undefined> {
  const ports = nodes.map(({ settings }) => settings.port);
  return takenPort(ports, nodes[0]?.settings.host);
}

/** Ends also if the nodes are stopped meanwhile, since a node that ended is a problem. */
async function waitUntilReady(nodes: readonly NodeProcess[]): Promise<'ready' | { readonly problem: string }> {
  const deadline = Date.now() + readyMsMax;
  for (;;) {
    const found = await Promise.all(nodes.map(readinessOf));
    const ended = nodes.find((node) => !node.isRunning);
    if (ended !== undefined) return { problem: endedEarly(ended) };
    if (found.every((readiness) => readiness === 'ready')) return 'ready';
    const late = nodes.filter((_, index) => found[index] === 'not-ready');
    if (Date.now() > deadline) return late.length === 0 ? 'ready' : { problem: lateProblem(late) };
    await setTimeout(readyPollMs);
  }
}

/**
 * A node that forms a cluster votes in a moment, when the others are there. One that recovers takes writes and goes on by itself,
 * for as long as it takes.
 */
async function readinessOf(node: NodeProcess): Promise<'ready' | 'forming' | 'not-ready'> {
  await using client = await clientOf(node.url, 1000);
  const answer = await client.request({ method: 'GET', path: '/readyz?verbose' });
  const body = answer.kind === 'answered' ? await readBody(answer) : answer;
  if (!Buffer.isBuffer(body)) return 'not-ready';
  const [state, standing] = body.toString().split('\n');
  if (state === 'ready' && standing === 'standing: forming') return 'forming';
  return state === 'ready' || state === 'recovering' ? 'ready' : 'not-ready';
}

function endedEarly(node: NodeProcess): string {
  const line = node.lastLogLine();
  const last = line === undefined ? '' : `; its last line in ${node.logFile}: ${line}`;
  return `Node ${node.name} (${node.url}) ended before it was ready${last}`;
}

function lateProblem(nodes: readonly NodeProcess[]): string {
  const names = nodes.map(({ name, logFile }) => `${name} (${logFile})`).join(', ');
  return `Not ready after ${readyMsMax / 1000} s: ${names}`;
}

/** Tells of each node that dies; resolves when all are dead. */
async function watch(nodes: readonly NodeProcess[], stopAsked: Promise<unknown>): Promise<ExitCode> {
  let isStopping = false;
  void stopAsked.then(() => (isStopping = true));
  const tell = async (node: NodeProcess): Promise<void> => {
    const how = await node.ended;
    if (!isStopping) writeNotice(`kvorum: Node ${node.name} (${node.url}) died: ${how}; its log is ${node.logFile}`);
  };
  await Promise.all(nodes.map(tell));
  if (!isStopping) writeNotice('kvorum: All nodes are dead');
  return exitCodes.failure;
}

function stopMsMax({ nodes }: ClusterPlan): number {
  return (
    Math.max(0, ...nodes.map(({ settings }) => settings.drainDelayMs + settings.drainMsMax + settings.hintPullMsMax)) +
    closeMsMax
  );
}

async function stopAll(nodes: readonly NodeProcess[], timeoutMs: number): Promise<void> {
  const running = nodes.filter((node) => node.isRunning);
  for (const node of running) node.signal('SIGTERM');
  const allEnded = Promise.all(running.map((node) => node.ended));
  await Promise.race([allEnded, setTimeout(timeoutMs, undefined, { ref: false })]);
  for (const node of running.filter((one) => one.isRunning)) {
    writeNotice(`kvorum: Node ${node.name} did not stop in ${timeoutMs / 1000} s and is killed`);
    node.signal('SIGKILL');
  }
  await allEnded;
}

function describeText(nodes: readonly NodeProcess[], caFile: string | undefined): string {
  const table = renderTable({
    head: ['NODE', 'URL', 'PID', 'DATA', 'LOG'],
    rows: nodes.map(({ name, url, pid, dataDirectory, logFile }) => [name, url, String(pid), dataDirectory, logFile]),
  });
  const entity = '/v0/entity?id=greeting';
  const curl = caFile === undefined ? 'curl' : `curl --cacert '${caFile}'`;
  const commands = [
    `${curl} -X PUT --data-binary hello '${nodes[0]?.url}${entity}'`,
    `${curl} '${nodes.at(-1)?.url}${entity}'`,
    ...(caFile === undefined ? [] : [`kvorum status --url ${nodes[0]?.url} --tls-ca '${caFile}'`]),
  ];
  return `${table}\nWrite through one node, read through another:\n${commands.map((line) => `  ${line}\n`).join('')}`;
}

function describeJson(nodes: readonly NodeProcess[], caFile: string | undefined): string {
  const described = nodes.map(({ name, url, pid, dataDirectory, logFile }) => ({
    name,
    url,
    pid,
    dataDirectory,
    logFile,
  }));
  return `${JSON.stringify({ nodes: described, ...(caFile !== undefined && { tlsCa: caFile }) })}\n`;
}
