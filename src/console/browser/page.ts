/** The page at `/`: puts the parts together, and has them drawn whenever something was heard. */
import { samplesMax, sampleMs } from '../bounds.ts';
import { clusterHealth } from '../health.ts';
import { newestEnd, timeline, type Span } from '../timeline.ts';
import { ClocksView } from './clocks.ts';
import { Cluster } from './cluster.ts';
import { badge, make, setChildren, setText } from './element.ts';
import { EventsView } from './events.ts';
import { KeyView } from './key.ts';
import { LoadView } from './load.ts';
import { NodesView, shortUrl } from './nodes.ts';
import './page.css';
import { RepairsView } from './repairs.ts';
import { themeButton } from './theme.ts';
import { TokenView } from './token.ts';
import { WaitsView } from './waits.ts';

/** A node that has told nothing for so long does not hold up the others' lines. */
const SILENCE_MS_MAX = 15_000;

/** Of a node that has just started there is little to show: so much of the time at least, 3 minutes. */
const stepsMin = 36;

const cluster = new Cluster(draw);
const verdict = make('p', { className: 'verdict' });
verdict.setAttribute('role', 'status');
const facts = make('p', { className: 'facts' });
const alarm = make('p', { className: 'alarm', hidden: true });
alarm.setAttribute('role', 'alert');
const choice = make('select', { id: 'shown' }, new Option('all nodes', ''));
const nodesView = new NodesView();
const load = new LoadView();
const waits = new WaitsView();
const clocks = new ClocksView();
const repairs = new RepairsView();
const key = new KeyView();
const events = new EventsView();
const token = new TokenView();

const chosen = make('div', { className: 'choice' }, make('label', { htmlFor: 'shown' }, 'Charts and waits of'), choice);
choice.addEventListener('change', draw);
document.body.append(
  make('header', {}, make('h1', {}, 'Kvorum'), verdict, facts, themeButton()),
  alarm,
  token.element,
  make(
    'main',
    {},
    nodesView.element,
    chosen,
    load.element,
    make(
      'div',
      { className: 'two' },
      waits.element,
      make('div', {}, key.element, repairs.element, clocks.element, events.element),
    ),
  ),
);
void cluster.follow();

function draw(): void {
  const { nodes } = cluster;
  const health = clusterHealth(nodes);
  setChildren(verdict, badge(health), ...health.reasons.map((reason) => make('span', { className: 'reason' }, reason)));
  drawFacts();
  drawAlarm();
  drawChoice();
  nodesView.draw(cluster, spanOf(cluster.history(undefined)));
  const history = cluster.history(choice.value === '' ? undefined : choice.value);
  const steps = timeline(history, spanOf(history));
  const url = choice.value === '' ? cluster.own : choice.value;
  load.draw(steps, url);
  waits.draw(steps, url);
  clocks.draw(nodes, cluster.own);
  repairs.draw(nodes, cluster.own);
  events.draw(nodes);
}

function spanOf(history: ReturnType<Cluster['history']>): Span {
  const now = Date.now();
  const oldest = Math.min(now, ...history.map(({ samples, shiftMs }) => (samples[0]?.at ?? now) + shiftMs));
  const steps = Math.min(Math.max(Math.ceil((now - oldest) / sampleMs) + 1, stepsMin), samplesMax);
  return { end: newestEnd(history, now, SILENCE_MS_MAX), stepMs: sampleMs, steps };
}

function drawFacts(): void {
  const own = cluster.nodes.find(({ url }) => url === cluster.own)?.status;
  if (own === undefined) return;
  const quorum = own.quorum === undefined ? [] : [`quorum ${own.quorum.ack} of ${own.quorum.from}`];
  setText(facts, [shortUrl(own.url), ...quorum, `mode ${own.mode}`, `durability ${own.durability}`].join(' · '));
}

function drawAlarm(): void {
  const { silentSince, own } = cluster;
  alarm.hidden = silentSince === undefined;
  if (silentSince === undefined) return;
  const since = new Date(silentSince).toLocaleTimeString('en-GB');
  const others = cluster.nodes
    .filter(({ url }) => url !== own)
    .map(({ url }) => make('a', { href: url }, shortUrl(url)));
  const ways = others.flatMap((link, at) =>
    at === 0 ? [' The page is at the other nodes, too: ', link] : [', ', link],
  );
  setChildren(alarm, `This page’s node has not answered since ${since}; what is shown is from then.`, ...ways);
}

function drawChoice(): void {
  const urls = cluster.nodes.map(({ url }) => url);
  const present = [...choice.options].slice(1).map(({ value }) => value);
  if (urls.join() === present.join()) return;
  const was = choice.value;
  choice.replaceChildren(new Option('all nodes', ''), ...urls.map((url) => new Option(shortUrl(url), url)));
  choice.value = urls.includes(was) ? was : '';
}
