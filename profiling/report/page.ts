/**
 * The shell of every report: one HTML file that needs nothing else, opened from a disk, a mail or a build's artefacts.
 *
 * Its content security policy forbids every request, and every script but the inlined ones, which it names by their hash;
 * so even markup that slipped into a label could do nothing. Data travels as JSON in a script that is not run. Figures and
 * tables stand in the HTML itself and are read without scripts; scripts draw the charts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { escapeHtml, jsonForScript, type Html } from './html.ts';
import { stylesheet } from './stylesheet.ts';

export interface PageOptions {
  /** Of the window and of the page's first heading. */
  readonly title: string;
  /** What `pageData()` in `profiling/browser/page.ts` gives the script; must survive JSON. */
  readonly data?: unknown;
  /** The page's script: a file of `profiling/browser`, bundled by the build. `page` does what every page does. */
  readonly script?: 'page' | 'charts' | 'flame';
  readonly body: Html;
}

/** A whole HTML document. */
export async function renderPage(options: PageOptions): Promise<string> {
  const { title, data = null, script = 'page', body } = options;
  const code = harmless(await bundled(`${script}.js`));
  const ofCharts = script === 'charts' ? await bundled('charts.css') : '';
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(code)}`,
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
<style>${ofCharts}${stylesheet()}</style>
</head>
<body>
<header class="page-header">
<h1>${escapeHtml(title)}</h1>
<button type="button" id="theme-toggle" hidden>Dark colours</button>
</header>
<main>
${body.text}
</main>
<script type="application/json" id="page-data">${jsonForScript(data)}</script>
<script type="module">${code}</script>
</body>
</html>
`;
}

function bundled(name: string): Promise<string> {
  return readFile(new URL(`../browser/${name}`, import.meta.url), 'utf8');
}

/** Script text that cannot end its element: in JavaScript these can only stand in strings, templates and patterns. */
function harmless(code: string): string {
  return code.replace(/<(?=\/script|!--)/gi, '\\x3c');
}

function hashSource(script: string): string {
  return `'sha256-${createHash('sha256').update(script).digest('base64')}'`;
}
