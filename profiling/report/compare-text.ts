/**
 * A comparison in words and tables, for terminals and for pull requests: what must be known first, the tables of its
 * report, what each step bought, and last whether there is a regression.
 */
import { gateSentence } from '../compare/gate.ts';
import { ruleSentence } from '../compare/sentences.ts';
import type { CompareResult } from '../result/compare.ts';
import { command, details, list, quiet, section, table, text, type Block, type Table } from './blocks.ts';
import { compareNotes, gateTable, maximumTable, measureTables, opsOf, stepsOf } from './compare-tables.ts';
import { clusterSentence } from './environment.ts';
import { markdownOf } from './markdown.ts';
import { peersTable } from './peers-table.ts';

/** The verdict stands last, where a terminal ends. */
export function compareBlocks(result: CompareResult): Block {
  const { gate } = result;
  const verdict = gate !== undefined && [gateTable(gate), text(gateSentence(gate).sentence)];
  return [compareNotes(result), tables(result), words(result), clusters(result), verdict];
}

/** The verdict stands first, and the tables are folded away. */
export function compareMarkdown(result: CompareResult): string {
  const { gate } = result;
  return markdownOf(`Comparison: ${result.subjects.map(({ name }) => name).join(', ')}`, [
    gate !== undefined && [text(`**${gateSentence(gate).sentence}**`), gateTable(gate)],
    compareNotes(result),
    words(result),
    details('All measures', tables(result)),
    clusters(result),
    command(result.command),
  ]);
}

function words({ steps, summary, profiles = [], profileSentences = [] }: CompareResult): Block {
  const rule = ruleSentence(summary);
  const directories = [...new Set(profiles.map(({ directory }) => directory))];
  return [
    stepsOf({ steps }).map(({ title, ops }) => section(title, list(ops.flatMap(({ sentences }) => sentences)))),
    rule !== undefined && quiet(rule),
    list(profileSentences),
    directories.length > 0 && quiet(`Reports of the profiles: ${directories.join(', ')}`),
  ];
}

function tables(result: CompareResult): Block {
  return [
    result.settings === null && filesTable(result),
    peersTable(result),
    opsOf(result).map((op) => [maximumTable(result, op), measureTables(result, op, [])]),
  ];
}

function clusters({ subjects }: CompareResult): Block {
  return list(subjects.map(({ name, environment }) => `${name}: ${clusterSentence(environment)}`));
}

function filesTable({ subjects }: CompareResult): Table {
  return table('What is compared', subjects, [
    ['', 'text', ({ name }) => name],
    ['Mode', 'text', ({ environment }) => String(environment.cluster['mode'] ?? '–')],
    ['Commit', 'text', ({ environment }) => environment.commit ?? '–'],
    ['File', 'text', ({ source }) => source],
  ]);
}
