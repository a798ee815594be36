/**
 * The shell of every report: one HTML file that needs nothing else, opened from a disk, a mail or a build's artefacts.
 *
 * Its content security policy forbids every request, and every script but the inlined ones, which it names by their hash;
 * so even markup that slipped into a label could do nothing. Data travels as JSON in a script that is not run. Figures and
 * tables stand in the HTML itself and are read without scripts; scripts draw the charts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bundle } from './browser-code.ts';
import { escapeHtml, jsonForScript, type Html } from './html.ts';
import { stylesheet } from './stylesheet.ts';

export interface PageOptions {
  /** Of the window and of the page's first heading. */
  readonly title: string;
  /** What `pageData()` in `profiling/browser/page.ts` gives the scripts; must survive JSON. */
  readonly data: unknown;
  /** Files of `profiling/browser` without their ending, run in this order; `page` comes first by itself. */
  readonly scripts: readonly string[];
  /** Style sheets after the common one. */
  readonly styles?: readonly string[];
  readonly body: Html;
}

/** A whole HTML document. */
export async function renderPage({ title, data, scripts, styles = [], body }: PageOptions): Promise<string> {
  const code = harmless(await bundle(['page', ...scripts]));
  const uplot = await readUplot();
  const policy = [
    "default-src 'none'",
    `script-src ${[uplot.script, code].map(hashSource).join(' ')}`,
    "style-src 'unsafe-inline'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${uplot.style}</style>
<style>${stylesheet()}</style>
${styles.map((style) => `<style>${style}</style>\n`).join('')}</head>
<body>
<header class="page-header">
<h1>${escapeHtml(title)}</h1>
<button type="button" id="theme-toggle" hidden>Dark colours</button>
</header>
<main>
${body.text}
</main>
<script type="application/json" id="page-data">${jsonForScript(data)}</script>
<script>${uplot.script}</script>
<script type="module">${code}</script>
</body>
</html>
`;
}

interface Uplot {
  readonly script: string;
  readonly style: string;
}

/** The file that defines the global `uPlot`, and its style. */
async function readUplot(): Promise<Uplot> {
  const dist = dirname(createRequire(import.meta.url).resolve('uplot'));
  const [script, style] = await Promise.all([
    readFile(join(dist, 'uPlot.iife.min.js'), 'utf8'),
    readFile(join(dist, 'uPlot.min.css'), 'utf8'),
  ]);
  return { script: harmless(script), style };
}

/** Script text that cannot end its element: in JavaScript these can only stand in strings, templates and patterns. */
function harmless(code: string): string {
  return code.replace(/<(?=\/script|!--)/gi, '\\x3c');
}

function hashSource(script: string): string {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
}
