/** The nodes: how each is and why, what it does now, and where it stands. A table; on narrow screens a card for each node. */
import { figureText, type Unit } from '../figure-text.ts';
import { healthOf, type NodeSeen } from '../health.ts';
import type { NodeStatus } from '../seen.ts';
import { recent, timeline, type NodeSamples, type Span } from '../timeline.ts';
import { badge, make, section, setChildren, setText } from './element.ts';
import { Spark } from './spark.ts';
import type { Cluster } from './cluster.ts';

/** What counts as now: two samples, so that a figure does not jump. */
const NOW_MS = 12_000;

type Column =
  | 'reads'
  | 'readP99'
  | 'writes'
  | 'writeP99'
  | 'errors'
  | 'connections'
  | 'cpu'
  | 'memory'
  | 'store'
  | 'free'
  | 'uptime';

/** Name, title, unit, and the title in a card, where nothing stands beside it. */
const columns: readonly (readonly [Column, string, Unit, string?])[] = [
  ['reads', 'Reads', 'rate'],
  ['readP99', 'p99', 'latency', 'Reads p99'],
  ['writes', 'Writes', 'rate'],
  ['writeP99', 'p99', 'latency', 'Writes p99'],
  ['errors', 'Not answered', 'rate'],
  ['connections', 'Clients', 'count'],
  ['cpu', 'CPU', 'share'],
  ['memory', 'Memory', 'bytes'],
  ['store', 'Store', 'bytes'],
  ['free', 'Disk free', 'bytes'],
  ['uptime', 'Up for', 'duration'],
];

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
  readonly #command;
  readonly #body = make('tbody');
  readonly #rows = new Map<string, Row>();
  readonly #all = makeRow();

  constructor() {
    const titles = ['Node', 'State', 'Requests', ...columns.map(([, title]) => title)];
    const head = make('thead', {}, make('tr', {}, ...titles.map((title, at) => header(title, at >= 3))));
    const caption = make('caption', {}, 'Each node in the last 10 s; requests over up to 15 minutes');
    const foot = make('tfoot', {}, this.#all.element);
    const table = make('table', { className: 'nodes cards' }, caption, head, this.#body, foot);
    const { element, command } = section('Nodes', make('div', { className: 'scroll' }, table));
    this.element = element;
    this.#command = command;
    setText(this.#all.name, 'all together');
  }

  draw(cluster: Cluster, span: Span): void {
    const { nodes } = cluster;
    this.#command.set(`kvorum status --url ${cluster.own}`);
    for (const node of nodes) this.#drawRow(node, cluster, span);
    const rows = nodes.flatMap(({ url }) => {
      const row = this.#rows.get(url);
      if (row === undefined) return [];
      return row.why.textContent === '' ? [row.element] : [row.element, row.why];
    });
    const isSame =
      rows.length === this.#body.children.length && rows.every((row, at) => row === this.#body.children[at]);
    if (!isSame) this.#body.replaceChildren(...rows);
    this.#drawAll(cluster, span);
  }

  /** Rates added up, latencies of all requests; of what belongs to one node, nothing. */
  #drawAll(cluster: Cluster, span: Span): void {
    const heard = cluster.nodes.filter(({ silence, isStale }) => silence === undefined && !isStale);
    const histories = heard.flatMap(({ url }) => cluster.history(url));
    this.#all.element.hidden = cluster.nodes.length < 2;
    drawSpark(this.#all.spark, histories, span);
    const { reads, readP99, writes, writeP99, errors } = figuresOf(undefined, histories);
    drawFigures(this.#all, { reads, readP99, writes, writeP99, errors });
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
    drawSpark(row.spark, history, span);
    drawFigures(row, figuresOf(isSilent ? undefined : status, isSilent ? [] : history));
  }

  #add(url: string): Row {
    const row = makeRow();
    this.#rows.set(url, row);
    return row;
  }
}

type Figures = Partial<Record<Column, number | null | undefined>>;

function makeRow(): Row {
  const name = make('th', { scope: 'row' });
  const health = make('td', { className: 'state' });
  const spark = new Spark();
  const cells = new Map(
    columns.map(([column, title, , inCard]) => {
      const cell = make('td', { className: 'number' });
      cell.dataset['label'] = inCard ?? title;
      return [column, cell] as const;
    }),
  );
  const sparkCell = make('td', { className: 'sparkline' }, spark.element);
  const element = make('tr', {}, name, health, sparkCell, ...cells.values());
  return { element, name, health, spark, cells, why: make('tr', { className: 'why' }) };
}

function drawFigures({ cells }: Row, figures: Figures): void {
  for (const [column, , unit] of columns) {
    const cell = cells.get(column);
    const value = figures[column];
    if (cell === undefined) continue;
    setText(cell, column in figures ? figureText(value, unit) : '');
    cell.classList.toggle('none', value === 0 || value === null || value === undefined);
  }
}

function drawSpark(spark: Spark, histories: readonly NodeSamples[], span: Span): void {
  const rates = timeline(histories, span).map(({ reads, writes }) =>
    reads === null || writes === null ? null : reads + writes,
  );
  spark.draw(rates);
}

function whyCell(reasons: readonly string[]): HTMLElement {
  return make('td', { colSpan: columns.length + 3 }, ...reasons.map((reason) => make('p', {}, reason)));
}

function figuresOf(status: NodeStatus | undefined, history: readonly NodeSamples[]): Figures {
  const now = recent(history, Date.now() - NOW_MS);
  const { reads, writes, readP99, writeP99, refused, unanswered, failed, waits } = now;
  const errors = refused === null ? null : refused + (unanswered ?? 0) + (failed ?? 0);
  return {
    reads,
    writes,
    readP99,
    writeP99,
    errors,
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
