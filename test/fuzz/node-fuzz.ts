/**
 * A node's client port over real sockets: the same streams, a request for a known value behind each. No stream ends the node,
 * makes it answer with a fault of its own, or leaves it in doubt where the next request begins: that is answered, or an
 * answer before it said that the connection ends.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ask, entityTarget } from '../support/client.ts';
import type { Cluster } from '../support/cluster.ts';
import { within } from '../support/eventually.ts';
import { frontFraming, statusesOf } from './framing.ts';
import { count, emptyReport, failure, failuresMax, type FuzzOptions, type FuzzReport } from './report.ts';
import { caseSeed, Choices, piecesOf, requestStream } from './requests.ts';

const canaryTarget = entityTarget('canary', { ack: 1, from: 1 });
const canaryValue = 'this is the canary';
/** Faults of a node that its documents name: what it does not do, and when it has no room or is of another version. */
const documentedFaults = new Set([501, 503, 505]);
/** Connections at a time. */
const CLIENTS = 8;
/** Cases of a client between two looks at the node. */
const CASES_PER_LOOK = 50;

export async function fuzzNode(cluster: Cluster, { seed, goOn, first = 0 }: FuzzOptions): Promise<FuzzReport> {
  const report = emptyReport();
  const { url, pid } = cluster.node(0);
  await cluster.put(0, 'canary', canaryValue);
  let next = first;
  const client = async (): Promise<void> => {
    while (goOn(report.cases) && report.failures.length < failuresMax) {
      const index = next++;
      report.cases++;
      const choices = new Choices(caseSeed(seed, index));
      const stream = requestStream(choices, canaryTarget);
      const pieces = piecesOf(stream);
      const again = `--only node --seed ${seed} --case ${index}`;
      try {
        const answers = await exchange(url, pieces);
        const fault = faultOf(answers, await isCanaryRead(pieces));
        for (const status of statusesOf(answers)) count(report, String(status));
        if (fault !== undefined) report.failures.push(failure(`${fault}; it answers ${answers}`, stream.text, again));
      } catch (error) {
        report.failures.push(failure(String(error), stream.text, again));
      }
      if (report.cases % CASES_PER_LOOK === 0) await look(cluster, pid, report);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await look(cluster, pid, report);
  return report;
}

/** Whether the parser finds the last request behind the others. */
async function isCanaryRead(pieces: readonly Buffer[]): Promise<boolean> {
  const { requests } = await frontFraming(pieces);
  const last = requests.at(-1);
  return last?.method === 'GET' && last.target === canaryTarget;
}

function faultOf(answers: string, isRead: boolean): string | undefined {
  const wrong = statusesOf(answers).find((status) => status >= 500 && !documentedFaults.has(status));
  if (wrong !== undefined) return `The node answers ${wrong}`;
  const isAnswered = answers.endsWith(canaryValue);
  const isToldEnd = /\r\nconnection: close\r\n/.test(answers);
  return isRead && !isAnswered && !isToldEnd ? 'The last request has no answer' : undefined;
}

/** What a node answers to a stream, up to the end of the connection. Rejects if that does not come. */
async function exchange(url: string, pieces: readonly Buffer[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => {});
  const ended = new Promise<void>((resolve) => socket.on('end', resolve).on('close', () => resolve()));
  await once(socket, 'connect');
  try {
    for (const piece of pieces) {
      if (socket.destroyed) break;
      socket.write(piece);
      await nextTurn();
    }
    socket.end();
    await within(ended, 'the end of the connection');
    return Buffer.concat(received).toString('latin1');
  } finally {
    socket.destroy();
  }
}

/** The node is the process that it was, without an error in its log, and serves others. */
async function look(cluster: Cluster, pid: number | undefined, report: FuzzReport): Promise<void> {
  const node = cluster.node(0);
  const errors = node.logs.filter(({ level }) => level === 'error');
  if (errors.length > 0) report.failures.push(`The node logs ${JSON.stringify(errors.slice(0, 3))}`);
  const answer = await ask(node.url, canaryTarget).catch((error: unknown) => String(error));
  const isServed = typeof answer === 'object' && answer.body.toString() === canaryValue && node.pid === pid;
  if (!isServed) report.failures.push(`The node does not serve others: ${JSON.stringify(answer)} ${node.stderr}`);
}
