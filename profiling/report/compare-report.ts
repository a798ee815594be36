/**
 * The report of a comparison as one HTML file without network: what each step bought in sentences first, then pictures and
 * tables for each operation, then how it was measured.
 */
import { gateSentence } from '../compare/gate.ts';
import { ruleSentence } from '../compare/sentences.ts';
import type { LoadOperation } from '../load/result.ts';
import type { ComparedStep, CompareResult, CompareSettings, Gate } from '../result/compare.ts';
import { quantity, typeset } from '../result/quantity.ts';
import { command, details, list, quiet, section, type Block } from './blocks.ts';
import { htmlOf } from './blocks-html.ts';
import { costCharts, latencyCharts, maximumChart } from './compare-charts.ts';
import {
  compareNotes,
  gateTable,
  maximumTable,
  measureTables,
  opsOf,
  profileLinks,
  profileTable,
  runTable,
  stepsOf,
  type Step,
} from './compare-tables.ts';
import { describedTable, describeEnvironment, describeLoad, describeOp, type Described } from './environment.ts';
import { html, type Html } from './html.ts';
import { renderPage } from './page.ts';
import { peersTable } from './peers-table.ts';
import { searchTable } from './search.ts';

export async function renderCompareReport(result: CompareResult): Promise<string> {
  const { profiles = [], profileSentences = [] } = result;
  return renderPage({
    title: `Kvorum comparison: ${result.subjects.map(({ name }) => name).join(', ')}`,
    script: 'charts',
    body: htmlOf([
      verdictSection(result),
      peersTable(result),
      opsOf(result).map((op) => operationSection(result, op)),
      profiles.length + profileSentences.length > 0 &&
        section('Profiles', list(profileSentences), profileTable(profiles), profileLinks(profiles)),
      methodSection(result),
    ]),
  });
}

function verdictSection(result: CompareResult): Html {
  const { summary, gate } = result;
  const rule = ruleSentence(summary);
  const steps = stepsOf(result);
  return html`<section class="bought" aria-label="What each step bought">
    ${htmlOf([
      gate !== undefined && gateBlock(gate),
      compareNotes(result),
      steps.map(stepBlock),
      steps.length === 0 && html`<p class="note">Nothing to compare: no two subjects were measured.</p>`,
      rule !== undefined && quiet(`${rule}.`),
    ])}
  </section> `;
}

function gateBlock(gate: Gate): Html {
  const { isPassed, sentence } = gateSentence(gate);
  return html`<div class="verdict ${isPassed ? 'held' : 'failed'} main">
      <p class="verdict-sentence">${sentence}</p>
    </div>
    ${htmlOf(gateTable(gate))}`;
}

function stepBlock({ title, ops }: Step): Html {
  return html`<article>
    <h2>${title}</h2>
    ${ops.map(stepSentences)}
  </article> `;
}

/** The maximum stands out where there is one. */
function stepSentences({ maximum, sentences }: ComparedStep): Html {
  const leads = maximum === null ? 0 : 1;
  return html`${sentences.slice(0, leads).map((lead) => html`<p class="lead">${typeset(lead)}</p> `)}
  ${htmlOf(list(sentences.slice(leads)))}`;
}

function operationSection(result: CompareResult, op: LoadOperation): Block {
  return section(
    op.toUpperCase(),
    maximumChart(result, op),
    maximumTable(result, op),
    section('Latency', latencyCharts(result, op)),
    section('What a request costs', costCharts(result, op)),
    section('All measures', measureTables(result, op, result.steps)),
  );
}

function methodSection(result: CompareResult): Block {
  const { searches, subjects, settings, startedAt, runs } = result;
  const environments = subjects.map(({ name, source, environment, idleCpuMsPerSecond: idleMs }): Described => ({
    name,
    entries: [
      ...(settings === null ? ([['File', source]] as const) : []),
      ...describeEnvironment(environment),
      ['CPU while idle, all nodes', quantity(idleMs, 'ms') + (idleMs === null ? '' : '/s')],
    ],
  }));
  // Each command once: the runs of a file of a comparison were all made by one.
  const sources = settings === null ? [...new Set(runs.map((run) => run.result.command))] : [];
  return section(
    'How it was measured',
    searches.map(({ subject, op, steps }) => {
      const name = `Search for the maximum of ${subject}, ${op.toUpperCase()}`;
      return steps.length > 0 && details(name, searchTable(name, steps));
    }),
    runs.length > 0 && details('All runs', runTable(runs)),
    describedTable('Where it ran', environments),
    settings !== null && describedTable('What was sent', [{ name: 'Value', entries: describeSettings(settings) }]),
    sources.length > 0 && section('How the files were made', sources.map(command)),
    section('To repeat it', command(result.command), quiet(`Started ${startedAt}.`)),
  );
}

function describeSettings(settings: CompareSettings): Described['entries'] {
  const { ops, readShare, rates, maximumShare } = settings;
  const duration = (milliseconds: number): string => quantity(milliseconds / 1000, 'seconds');
  return [
    ['Operations', ops.map((op) => describeOp(op, readShare)).join(', ')],
    ['Common rates', rates.length === 0 ? 'none' : rates.map((rate) => quantity(rate, 'rate')).join(', ')],
    ['Share of its own maximum', quantity(maximumShare, 'share')],
    ['Rounds', quantity(settings.rounds, 'count')],
    ['Nodes', quantity(settings.nodes, 'count')],
    ['Measured, each run', duration(settings.durationMs)],
    ['Measured, each run of a search', duration(settings.searchDurationMs)],
    ['Held means p99 of at most', quantity(settings.p99MsMax, 'ms')],
    ...describeLoad(settings),
    ['Durability', settings.durability],
    ['Targets', settings.targets],
  ];
}
