/** Rate and latency of the cluster, or of one node of it: the last quarter of an hour as lines, and now. */
import type { Step } from '../timeline.ts';
import { Chart } from './chart.ts';
import { make, section } from './element.ts';

const solid: readonly number[] = [];
const dashed = [6, 4];
const dotted = [2, 3];

export class LoadView {
  readonly element: HTMLElement;
  readonly #command;
  readonly #rate = new Chart({
    title: 'Requests a second',
    unit: 'rate',
    isLogarithmic: false,
    lines: [
      { label: 'reads', colour: 1, dash: solid, value: ({ reads }) => reads },
      { label: 'writes', colour: 2, dash: dashed, value: ({ writes }) => writes },
      { label: 'refused (503)', colour: 3, dash: dotted, value: ({ refused }) => refused },
      { label: 'no quorum (504), failed (500, 507)', colour: 4, dash: [2, 2, 8, 2], value: unansweredOf },
    ],
  });
  readonly #latency = new Chart({
    title: 'Latency, in the node',
    unit: 'latency',
    isLogarithmic: true,
    lines: [
      { label: 'reads p50', colour: 1, dash: dotted, value: ({ readP50 }) => readP50 },
      { label: 'reads p99', colour: 1, dash: solid, value: ({ readP99 }) => readP99 },
      { label: 'writes p50', colour: 2, dash: dotted, value: ({ writeP50 }) => writeP50 },
      { label: 'writes p99', colour: 2, dash: dashed, value: ({ writeP99 }) => writeP99 },
    ],
  });

  constructor() {
    const charts = make('div', { className: 'charts' }, this.#rate.element, this.#latency.element);
    const { element, command } = section('Rate and latency', charts);
    this.element = element;
    this.#command = command;
  }

  draw(steps: readonly Step[], url: string): void {
    this.#command.set(`kvorum bench --target ${url}`);
    this.#rate.draw(steps);
    this.#latency.draw(steps);
  }
}

function unansweredOf({ unanswered, failed }: Step): number | null {
  return unanswered === null || failed === null ? null : unanswered + failed;
}
