/**
 * The page at `/`: one HTML document with its script and style in it, which asks this node and nobody else. Its content
 * security policy names both by their hashes, so that nothing that slipped into a text could run or be fetched.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface Page {
  readonly html: string;
  /** Of the header field `content-security-policy`. */
  readonly policy: string;
}

let made: Promise<Page> | undefined;

/** Made once. Rejects where the build is not whole. */
export function consolePage(): Promise<Page> {
  made ??= makePage();
  return made;
}

async function makePage(): Promise<Page> {
  const [script, style] = await Promise.all(['page.js', 'page.css'].map(bundled));
  const code = harmless(script ?? '');
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Kvorum</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<noscript>This page draws what /v0/status and /metrics tell; without scripts, read those, or run kvorum status.</noscript>
<script type="module">${code}</script>
</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(code)}`,
    `style-src ${hashSource(style ?? '')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { html, policy: policy.join('; ') };
}

/** By a path that leads there from the node's bundle, too. */
function bundled(name: string): Promise<string> {
  return readFile(new URL(`../../src/console/browser/${name}`, import.meta.url), 'utf8');
}

/** Script text that cannot end its element: in JavaScript these can only stand in strings, templates and patterns. */
function harmless(code: string): string {
  return code.replace(/<(?=\/script|!--)/gi, '\\x3c');
}

function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
