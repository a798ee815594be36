/**
 * The report of a comparison as one HTML file without network: what each step bought in sentences first, then pictures and
 * tables for each operation, then how it was measured.
 */
import type { ComparedStep, CompareResult, CompareSettings } from '../compare/result.ts';
import { ruleSentence } from '../compare/sentences.ts';
import type { LoadOperation } from '../load/result.ts';
import { costCharts, latencyCharts, maximumChart, opsOf } from './compare-charts.ts';
import { measureTables, profileTable, runTable } from './compare-tables.ts';
import { commandBlock, describedTable, describeEnvironment, type Described } from './environment-section.ts';
import { html, type Html } from './html.ts';
import { renderPage } from './page.ts';
import { quantity, typeset } from './quantity.ts';
import { searchTable } from './search-section.ts';
import { compareStyles } from './stylesheet.ts';

export async function renderCompareReport(result: CompareResult): Promise<string> {
  const profiles = profileTable(result);
  return renderPage({
    title: `Kvorum comparison: ${result.subjects.map(({ name }) => name).join(', ')}`,
    data: null,
    scripts: ['charts'],
    styles: [compareStyles],
    body: html`${verdictSection(result)} ${opsOf(result).map((op) => operationSection(result, op))}
    ${
      profiles !== null &&
      html`<section>
        <h2>Profiles</h2>
        ${profiles}
      </section>`
    }
    ${methodSection(result)}`,
  });
}

function verdictSection(result: CompareResult): Html {
  const { steps, cutShort, summary, failures = [] } = result;
  const rule = ruleSentence(summary);
  const invalid = summary.reduce((sum, { verdicts }) => sum + verdicts.invalid, 0);
  const pairs = [...new Map(steps.map(({ from, to }) => [`${from} → ${to}`, { from, to }]))];
  return html`<section class="bought" aria-label="What each step bought">
    ${cutShort && html`<p class="note"><strong>CUT SHORT</strong> The comparison was interrupted: all figures are of the part that ran.</p>`}
    ${failures.map((failure) => html`<p class="note"><strong>FAILED</strong> ${failure}</p>`)}
    ${invalid > 0 && html`<p class="note"><strong>INVALID</strong> In ${invalid} ${invalid === 1 ? 'run' : 'runs'} the load generator could not keep the rate; they count for nothing here.</p>`}
    ${pairs.map(([name, { from, to }]) =>
      stepBlock(
        name,
        steps.filter((step) => step.from === from && step.to === to),
      ),
    )}
    ${pairs.length === 0 && html`<p class="note">Nothing to compare: no two subjects were measured.</p>`}
    ${rule !== undefined && html`<p class="quiet">${rule}.</p>`}
  </section> `;
}

function stepBlock(name: string, steps: readonly ComparedStep[]): Html {
  return html`<article>
    <h2>${name}</h2>
    ${steps.map(({ maximum, sentences }) => {
      const [first, ...others] = sentences;
      const lead = maximum === null ? undefined : first;
      const rest = maximum === null ? sentences : others;
      return html`${lead !== undefined && html`<p class="lead">${typeset(lead)}</p> `}
        <ul>
          ${rest.map((sentence) => html`<li>${typeset(sentence)}</li> `)}
        </ul> `;
    })}
  </article> `;
}

function operationSection(result: CompareResult, op: LoadOperation): Html {
  return html`<section>
    <h2>${op.toUpperCase()}</h2>
    ${maximumChart(result, op)}
    <h3>Latency</h3>
    ${latencyCharts(result, op)}
    <h3>What a request costs</h3>
    ${costCharts(result, op)}
    <h3>All measures</h3>
    ${measureTables(result, op)}
  </section> `;
}

function methodSection(result: CompareResult): Html {
  const { searches, subjects, settings, command, startedAt } = result;
  const environments = subjects.map(({ name, source, environment, idleCpuMsPerSecond }): Described => ({
    name,
    entries: [
      ...(settings === null ? ([['File', source]] as const) : []),
      ...describeEnvironment(environment),
      [
        'CPU while idle, all nodes',
        idleCpuMsPerSecond === null ? quantity(null, 'ms') : `${quantity(idleCpuMsPerSecond, 'ms')}/s`,
      ],
    ],
  }));
  return html`<section>
    <h2>How it was measured</h2>
    ${searches.map(({ subject, op, steps }) => {
      const name = `Search for the maximum of ${subject}, ${op.toUpperCase()}`;
      return (
        steps.length > 0 &&
        html`<details>
          <summary>${name}</summary>
          ${searchTable(name, steps)}
        </details>`
      );
    })}
    ${
      result.runs.length > 0 &&
      html`<details>
        <summary>All runs</summary>
        ${runTable(result)}
      </details>`
    }
    ${describedTable('Where it ran', environments)}
    ${settings !== null && describedTable('What was sent', [{ name: 'Value', entries: describeSettings(settings) }])}
    ${settings === null && sourceCommands(result)}
    <h3>To repeat it</h3>
    ${commandBlock(command)}
    <p class="quiet">Started ${startedAt}.</p>
  </section> `;
}

/** Each once: the runs of a file of a comparison were all made by one command. */
function sourceCommands({ runs }: CompareResult): Html {
  const commands = [...new Set(runs.map((run) => run.result.command))];
  return html`<h3>How the files were made</h3>
    ${commands.map(commandBlock)}`;
}

function describeSettings(settings: CompareSettings): Described['entries'] {
  const { ops, readShare, rates, maximumShare, distribution, arrival, ack, from } = settings;
  const duration = (milliseconds: number): string => quantity(milliseconds / 1000, 'seconds');
  return [
    ['Operations', ops.map((op) => (op === 'mixed' ? `mixed, ${quantity(readShare, 'share')} reads` : op)).join(', ')],
    ['Common rates', rates.length === 0 ? 'none' : rates.map((rate) => quantity(rate, 'rate')).join(', ')],
    ['Share of its own maximum', quantity(maximumShare, 'share')],
    ['Rounds', quantity(settings.rounds, 'count')],
    ['Nodes', quantity(settings.nodes, 'count')],
    ['Measured, each run', duration(settings.durationMs)],
    ['Warm-up before', duration(settings.warmupMs)],
    ['Measured, each run of a search', duration(settings.searchDurationMs)],
    ['Held means p99 of at most', quantity(settings.p99MsMax, 'ms')],
    ['Connections', quantity(settings.connections, 'count')],
    ['Keys', `${quantity(settings.keys, 'count')}, ${distribution}`],
    ['Value', quantity(settings.valueBytes, 'bytes')],
    ['Arrivals', arrival],
    ['ack', ack === null ? "the cluster's default" : String(ack)],
    ['from', from === null ? "the cluster's default" : String(from)],
    ['Durability', settings.durability],
    ['Targets', settings.targets],
  ];
}
