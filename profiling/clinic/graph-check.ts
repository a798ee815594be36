/**
 * Whether a page of clinic's holds a graph: opened in Chromium and given time to draw. A page that exists proves little:
 * clinic also writes pages that draw nothing.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { toolTraits, type ClinicTool } from './tools.ts';

export type GraphCheck =
  | { readonly kind: 'passed'; readonly consoleErrors: readonly string[] }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

const openMsMax = 30_000;
const browserNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** `drawMsMax`: how long the page may take to draw. Never throws: what prevents the check is its result. */
export async function checkGraph(html: string, tool: ClinicTool, drawMsMax = 30_000): Promise<GraphCheck> {
  const executablePath = findChromium();
  if (executablePath === undefined) return { kind: 'skipped', reason: 'no chromium on PATH' };
  const launch = await loadLauncher();
  if (launch === undefined) return { kind: 'skipped', reason: 'playwright-core is not installed' };
  try {
    await using browser = closing(await launch({ executablePath, args: ['--no-sandbox'] }));
    return await look(await browser.value.newPage({ viewport: { width: 1280, height: 800 } }), html, tool, drawMsMax);
  } catch (error) {
    return { kind: 'failed', reason: messageOf(error).split('\n')[0] ?? '' };
  }
}

/** The browser that is on PATH, by any of its names. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.flatMap((folder) => browserNames.map((name) => join(folder, name))).find(isExecutable);
}

async function look(page: Page, html: string, tool: ClinicTool, drawMsMax: number): Promise<GraphCheck> {
  const consoleErrors: string[] = [];
  page.on('pageerror', (error) => consoleErrors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') consoleErrors.push(message.text());
  });
  await page.goto(pathToFileURL(html).href, { timeout: openMsMax });
  const { selector, least } = toolTraits[tool].drawn;
  const drawn = `(${countDrawn})(${JSON.stringify(selector)}) >= ${least}`;
  const isDrawn = await page.waitForFunction(drawn, undefined, { timeout: drawMsMax }).catch(() => undefined);
  if (isDrawn !== undefined) return { kind: 'passed', consoleErrors };
  const errors = consoleErrors.length === 0 ? '' : `; the page says: ${consoleErrors.slice(0, 3).join('; ')}`;
  return { kind: 'failed', reason: `nothing is drawn after ${drawMsMax} ms${errors}` };
}

/**
 * Runs in the page: how many elements of a selector have been drawn. A canvas counts when it has colours; the code is
 * text, since this package is compiled without the browser's types.
 */
const countDrawn = `(selector) => [...document.querySelectorAll(selector)].filter((element) => {
  const { width, height } = element.getBoundingClientRect();
  if (width === 0 && height === 0) return false;
  if (element.tagName !== 'CANVAS') return true;
  const pixels = element.getContext('2d').getImageData(0, 0, element.width, element.height).data;
  const colours = new Set();
  for (let at = 0; at < pixels.length && colours.size < 8; at += 4 * 97) {
    if (pixels[at + 3] > 0) colours.add(pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]);
  }
  return colours.size >= 3;
}).length`;

export type Launch = (options: { executablePath: string; args: string[] }) => Promise<Browser>;

/** Loaded here, since the package is there for development only. */
export async function loadLauncher(): Promise<Launch | undefined> {
  try {
    const { chromium } = await import('playwright-core');
    return (options) => chromium.launch(options);
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function closing<T extends { close(): Promise<void> }>(value: T): AsyncDisposable & { readonly value: T } {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
