/** The nodes: how each is and why, what it does now, and where it stands. A table; on narrow screens a card for each node. */
import { figureText, type Unit } from '../figure-text.ts';
import { healthOf, type NodeSeen } from '../health.ts';
import { recent, timeline, type NodeSamples, type Span } from '../timeline.ts';
import { badge, make, section, setChildren, setText } from './element.ts';
import { Spark } from './spark.ts';
import type { Cluster } from './cluster.ts';

/** What counts as now: two samples, so that a figure does not jump. */
const NOW_MS = 12_000;

const columns = [
  ['reads', 'Reads', 'rate'],
  ['readP99', 'p99', 'latency'],
  ['writes', 'Writes', 'rate'],
  ['writeP99', 'p99', 'latency'],
  ['errors', 'Not answered', 'rate'],
  ['connections', 'Clients', 'count'],
  ['cpu', 'CPU', 'share'],
  ['memory', 'Memory', 'bytes'],
  ['store', 'Store', 'bytes'],
  ['free', 'Disk free', 'bytes'],
  ['uptime', 'Up for', 'duration'],
] as const satisfies readonly (readonly [string, string, Unit])[];

type Column = (typeof columns)[number][0];

interface Row {
  readonly element: HTMLTableRowElement;
  readonly name: HTMLElement;
  readonly health: HTMLElement;
  readonly spark: Spark;
  readonly cells: ReadonlyMap<Column, HTMLElement>;
  readonly why: HTMLTableRowElement;
}

export class NodesView {
  readonly element: HTMLElement;
  readonly #body = make('tbody');
  readonly #rows = new Map<string, Row>();

  constructor() {
    const titles = ['Node', 'State', 'Requests, 15 min', ...columns.map(([, title]) => title)];
    const head = make('thead', {}, make('tr', {}, ...titles.map((title, at) => header(title, at >= 3))));
    const caption = make('caption', {}, 'Each node now: the last 10 s');
    this.element = section(
      'Nodes',
      'kvorum status',
      make('div', { className: 'scroll' }, make('table', { className: 'nodes' }, caption, head, this.#body)),
    );
  }

  draw(cluster: Cluster, span: Span): void {
    const { nodes } = cluster;
    for (const node of nodes) this.#drawRow(node, cluster, span);
    const rows = nodes.flatMap(({ url }) => {
      const row = this.#rows.get(url);
      if (row === undefined) return [];
      return row.why.textContent === '' ? [row.element] : [row.element, row.why];
    });
    const isSame =
      rows.length === this.#body.children.length && rows.every((row, at) => row === this.#body.children[at]);
    if (!isSame) this.#body.replaceChildren(...rows);
  }

  #drawRow(node: NodeSeen, cluster: Cluster, span: Span): void {
    const { url, status } = node;
    const row = this.#rows.get(url) ?? this.#add(url);
    const health = healthOf(node, cluster.nodes);
    const isOwn = url === cluster.own;
    const about = [isOwn ? 'this page’s node' : '', status?.version ?? ''].filter((text) => text !== '').join(' · ');
    setChildren(row.name, make('span', { className: 'url' }, shortUrl(url)), make('small', {}, about));
    setChildren(row.health, badge(health));
    setChildren(row.why, ...(health.reasons.length === 0 ? [] : [whyCell(health.reasons)]));
    const isSilent = node.silence !== undefined || node.isStale;
    row.element.classList.toggle('silent', isSilent);
    const history = cluster.history(url);
    row.spark.draw(
      timeline(history, span).map(({ reads, writes }) => (reads === null || writes === null ? null : reads + writes)),
    );
    const values = isSilent ? undefined : figuresOf(node, history);
    for (const [column, , unit] of columns) {
      const cell = row.cells.get(column);
      if (cell !== undefined) setText(cell, figureText(values?.[column], unit));
    }
  }

  #add(url: string): Row {
    const name = make('th', { scope: 'row' });
    const health = make('td', { className: 'state' });
    const spark = new Spark();
    const cells = new Map(
      columns.map(([column, title]) => {
        const cell = make('td', { className: 'number' });
        cell.dataset['label'] = column === 'readP99' ? 'Reads p99' : column === 'writeP99' ? 'Writes p99' : title;
        return [column, cell] as const;
      }),
    );
    const sparkCell = make('td', { className: 'sparkline' }, spark.element);
    const element = make('tr', {}, name, health, sparkCell, ...cells.values());
    const row = { element, name, health, spark, cells, why: make('tr', { className: 'why' }) };
    this.#rows.set(url, row);
    return row;
  }
}

function whyCell(reasons: readonly string[]): HTMLElement {
  return make('td', { colSpan: columns.length + 3 }, ...reasons.map((reason) => make('p', {}, reason)));
}

function figuresOf({ status }: NodeSeen, history: readonly NodeSamples[]): Record<Column, number | null | undefined> {
  const now = recent(history, Date.now() - NOW_MS);
  const { reads, writes, readP99, writeP99, refused, unanswered, failed, waits } = now;
  const errors = refused === null ? null : refused + (unanswered ?? 0) + (failed ?? 0);
  return {
    ...{ reads, writes, readP99, writeP99, errors },
    connections: waits.connections,
    cpu: waits.cpu,
    memory: waits.residentBytes,
    store: status?.storeBytes,
    free: status?.freeBytes,
    uptime: status?.uptimeSeconds,
  };
}

function header(title: string, isNumber: boolean): HTMLElement {
  return make('th', { scope: 'col', className: isNumber ? 'number' : '' }, title);
}

/** Without the scheme: all of a cluster have the same. */
export function shortUrl(url: string): string {
  return url.replace(/^https?:\/\//, '').replace(/\/$/, '');
}
