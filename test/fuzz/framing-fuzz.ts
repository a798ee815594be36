/**
 * The client port's parser against node:http: streams of requests are read by both, and where one message ends and whether it
 * is taken must be the same, or differ as a row of differences.ts allows. How a stream is cut changes nothing, and each
 * request has one answer, the refusal of one the last.
 */
import { allowed, divergence, partingAt } from './differences.ts';
import { frontFraming, Oracle, statusesOf, type Framing } from './framing.ts';
import { count, emptyReport, failure, failuresMax, type FuzzOptions, type FuzzReport } from './report.ts';
import { caseSeed, Choices, piecesOf, requestStream } from './requests.ts';

const CANARY = '/canary';
/** Refusals of the parser, and the answer of the harness. */
const possibleStatuses = new Set([200, 400, 413, 414, 417, 431, 501, 505]);
/** One case in so many is also read byte by byte, as is each that differs. */
const BYTEWISE_TIMES = 8;

export async function fuzzFraming({ seed, goOn, first = 0 }: FuzzOptions): Promise<FuzzReport> {
  const report = emptyReport();
  const oracle = new Oracle();
  for (let index = first; goOn(report.cases) && report.failures.length < failuresMax; index++) {
    const result = await framingCase(caseSeed(seed, index), oracle);
    report.cases++;
    if (result.fault === undefined) count(report, result.row ?? 'the same');
    else report.failures.push(failure(result.fault, result.text, `--only framing --seed ${seed} --case ${index}`));
  }
  oracle.close();
  return report;
}

interface CaseResult {
  readonly text: string;
  /** The difference that was allowed. */
  readonly row?: string | undefined;
  readonly fault?: string | undefined;
}

async function framingCase(seed: number, oracle: Oracle): Promise<CaseResult> {
  const choices = new Choices(seed);
  const stream = requestStream(choices, CANARY);
  const { text } = stream;
  const pieces = piecesOf(stream);
  const isBytewise = choices.once(BYTEWISE_TIMES);
  const front = await frontFraming(pieces, choices.once(2) ? choices : undefined);
  const fault = answersFault(front);
  if (fault !== undefined) return { text, fault };
  const parted = divergence(front, await oracle.framing(pieces));
  if (parted === undefined && !isBytewise) return { text };
  const bytewise = await frontFraming(piecesOf({ text, cuts: Array.from(text, (_, index) => index).slice(1) }));
  if (!isSameReading(front, bytewise))
    return { text, fault: 'Our front reads it otherwise when it is cut after every byte' };
  if (parted === undefined) return { text };
  const row = allowed(parted, partingAt(text, bytewise.ends[parted.common - 1] ?? 0))?.name;
  if (row !== undefined) return { text, row };
  return { text, fault: `Our front ${parted.front} what node:http does not, behind ${parted.common} requests` };
}

/** Each request has one answer, and what is refused ends the connection. */
function answersFault({ answers, requests, isRefused, heldBytes }: Framing): string | undefined {
  const statuses = statusesOf(answers).filter((status) => status !== 100);
  const wrong = statuses.find((status) => !possibleStatuses.has(status));
  if (wrong !== undefined) return `The front answers ${wrong}`;
  if (heldBytes !== 0) return `${heldBytes} bytes of answers are still counted`;
  const expected = requests.length + (isRefused ? 1 : 0);
  if (statuses.length !== expected) return `There are ${statuses.length} answers, not ${expected}`;
  if (isRefused && !/\r\nconnection: close\r\n/.test(answers.slice(answers.lastIndexOf('HTTP/1.1 ')))) {
    return 'A refusal does not say that the connection ends';
  }
  return undefined;
}

function isSameReading(one: Framing, other: Framing): boolean {
  return one.isRefused === other.isRefused && JSON.stringify(one.requests) === JSON.stringify(other.requests);
}
