/** A strict reader of the Prometheus text format, version 0.0.4: what it does not know is an error. */
import { ask } from './client.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const samplePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const histogramSuffix = /_(bucket|sum|count)$/;
const manySampled: ReadonlySet<string> = new Set(['histogram', 'summary']);

/** The families by name. Throws where a line does not parse or a family comes twice. */
export function parsePrometheus(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, ParsedFamily>();
  const helps = new Map<string, string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') helps.set(checkedName(name), rest);
    else if (kind === 'TYPE')
      addFamily(families, checkedName(name), { type: rest, help: helps.get(name) ?? '', samples: [] });
    else addSample(families, parseSample(line));
  }
  return families;
}

/** The sum of a family's samples at a node; 0 where it has none. */
export async function metricTotal(url: string, name: string): Promise<number> {
  const answer = await ask(url, '/metrics');
  const samples = parsePrometheus(answer.body.toString('utf8')).get(name)?.samples ?? [];
  return samples.reduce((sum, sample) => sum + sample.value, 0);
}

function addFamily(families: Map<string, ParsedFamily>, name: string, family: ParsedFamily): void {
  if (families.has(name)) throw new Error(`family ${name} comes twice`);
  if (!['counter', 'gauge', 'histogram', 'summary'].includes(family.type))
    throw new Error(`${name} is a ${family.type}`);
  families.set(name, family);
}

function addSample(families: Map<string, ParsedFamily>, sample: Sample): void {
  const base = sample.name.replace(histogramSuffix, '');
  const family =
    families.get(sample.name) ?? (manySampled.has(families.get(base)?.type ?? '') ? families.get(base) : undefined);
  if (family === undefined) throw new Error(`sample ${sample.name} stands before its type`);
  family.samples.push(sample);
}

function parseSample(line: string): Sample {
  const [, name, labels = '', value] = samplePattern.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
  const number = value === '+Inf' ? Infinity : Number(value);
  if (value !== '+Inf' && !Number.isFinite(number)) throw new Error(`not a number: ${line}`);
  return { name, labels: parseLabels(labels), value: number };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelPattern.lastIndex = 0;
  let end = 0;
  while (end < text.length) {
    const match = labelPattern.exec(text);
    if (match === null) throw new Error(`not labels: ${text}`);
    const [, name = '', value = ''] = match;
    if (name in labels) throw new Error(`label ${name} comes twice: ${text}`);
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    end = labelPattern.lastIndex;
  }
  return labels;
}

function checkedName(name: string): string {
  if (!namePattern.test(name)) throw new Error(`not a name: ${name}`);
  return name;
}
