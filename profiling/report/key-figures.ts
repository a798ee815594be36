/** The figures that people quote, side by side and large. */
import { html, type Html } from './html.ts';

export type KeyFigure = readonly [name: string, value: string, note?: string];

/** `label` is for where no section around the list says what it is. */
export function keyFigureList(figures: readonly KeyFigure[], label?: string): Html {
  return html`<dl class="key-figures" ${label === undefined ? null : html`aria-label="${label}"`}>
    ${figures.map(
      ([name, value, note]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
          ${note === undefined ? null : html`<dd class="quiet">${note}</dd>`}
        </div> `,
    )}
  </dl> `;
}
