/**
 * Headless Chromium for the tests of reports: one browser per test file, since its start is slow. Pages are opened from a
 * file, the way people open a report, and everything that a report must never do is collected.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { findChromium } from '../../profiling/clinic/graph-check.ts';

const executablePath = findChromium();

/** What `skip` of a test is to be: false, or why there is no browser. */
export const skipWithoutChromium: false | string = executablePath === undefined ? 'needs chromium on PATH' : false;

export interface OpenedPage {
  readonly page: Page;
  /** Messages of `console.error` and `console.warn`, uncaught errors, requests beyond the page itself. */
  readonly complaints: string[];
}

export type OpenPage = (html: string, options?: BrowserContextOptions) => Promise<OpenedPage>;

/** Starts a browser before the file's tests and closes it after them; gives the function that opens a page in it. */
export function sharedBrowser(): OpenPage {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-test-'));
  const newPage = sharedPages();
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  let pages = 0;
  return async (html, options = {}) => {
    const file = join(folder, `${++pages}.html`);
    writeFileSync(file, html);
    const url = pathToFileURL(file).href;
    return open(await newPage(options), url, (asked) => asked === url);
  };
}

/** As `sharedBrowser`, for a page that a server has at `url`, and that may ask this server alone. */
export function sharedSite(): (url: string, options?: BrowserContextOptions) => Promise<OpenedPage> {
  const newPage = sharedPages();
  return async (url, options = {}) => open(await newPage(options), url, (asked) => asked.startsWith(url));
}

function sharedPages(): (options: BrowserContextOptions) => Promise<Page> {
  let browser: Browser | undefined;
  before(async () => {
    if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  after(() => browser?.close());
  return async (options) => {
    assert.ok(browser);
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    return context.newPage();
  };
}

async function open(page: Page, url: string, mayAsk: (url: string) => boolean): Promise<OpenedPage> {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`error: ${String(error)}`));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!mayAsk(request.url()) && !request.url().startsWith('data:')) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url, { waitUntil: 'load' });
  return { page, complaints };
}
