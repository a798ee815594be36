/** A whole HTML document with flame graphs and nothing else, as a report would hold them. */
import type { FlameData } from '../../profiling/flame/flame-data.ts';
import { section } from '../../profiling/report/blocks.ts';
import { htmlOf } from '../../profiling/report/blocks-html.ts';
import { flameBlocks } from '../../profiling/report/flame-section.ts';
import { renderPage } from '../../profiling/report/page.ts';

export interface FlamePageOptions {
  readonly title: string;
  /** Each under its heading: `PUT`, `GET`. */
  readonly parts: readonly { readonly title: string; readonly data: FlameData }[];
}

export function renderFlamePage({ title, parts }: FlamePageOptions): Promise<string> {
  const keyed = parts.map((part, index) => ({ ...part, key: `part-${index}` }));
  return renderPage({
    title,
    data: { flames: Object.fromEntries(keyed.map(({ key, data }) => [key, data])) },
    script: 'flame',
    body: htmlOf(keyed.map((part) => section(part.title, flameBlocks(part.key, part.data)))),
  });
}
