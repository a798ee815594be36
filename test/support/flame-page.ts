/** A whole HTML document with flame graphs and nothing else, as a report would hold them. */
import type { FlameData } from '../../profiling/flame/flame-data.ts';
import { flameSection, reading } from '../../profiling/flame/flame-section.ts';
import { html } from '../../profiling/report/html.ts';
import { renderPage } from '../../profiling/report/page.ts';

export interface FlamePageOptions {
  readonly title: string;
  /** Each under its heading: `PUT`, `GET`. */
  readonly parts: readonly { readonly title: string; readonly data: FlameData }[];
}

export function renderFlamePage({ title, parts }: FlamePageOptions): Promise<string> {
  const sections = parts.map(({ data }, index) => flameSection(`part-${index}`, data));
  const body = parts.map(
    (part, index) =>
      html`<h2>${part.title}</h2>
        ${reading(part.data)}${sections[index]?.body}`,
  );
  const [first] = sections;
  return renderPage({
    title,
    data: { flames: Object.assign({}, ...sections.map(({ flames }) => flames)) as unknown },
    scripts: first?.scripts ?? [],
    styles: first?.styles ?? [],
    body: html`${body}`,
  });
}
