/** Pictures of reports: each figure and each flame graph as a PNG, by a browser where there is one. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { findChromium, loadLauncher } from '../clinic/graph-check.ts';

export interface Pictured {
  /** Names of the files, in the order of the page. */
  readonly names: readonly string[];
  /** Why there are none, or not all; null where all are there. */
  readonly missing: string | null;
}

const drawMs = 1500;
const size = { width: 1100, height: 900 };

/** Never throws: a study without pictures is still one. `name` begins the files' names. */
export async function takePictures(report: string, directory: string, name: string): Promise<Pictured> {
  const executablePath = findChromium();
  const launch = executablePath === undefined ? undefined : await loadLauncher();
  if (executablePath === undefined || launch === undefined) {
    return { names: [], missing: `no pictures of ${name}: no chromium, or playwright-core is not installed` };
  }
  try {
    const browser = await launch({ executablePath, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage({ viewport: size });
      await page.goto(pathToFileURL(report).href);
      await page.waitForTimeout(drawMs);
      return {
        names: [...(await figures(page, directory, name)), ...(await flames(page, directory, name))],
        missing: null,
      };
    } finally {
      await browser.close();
    }
  } catch (error) {
    return { names: [], missing: `no pictures of ${name}: ${messageOf(error).split('\n')[0]}` };
  }
}

async function figures(page: Page, directory: string, name: string): Promise<string[]> {
  const names: string[] = [];
  for (const figure of await page.locator('figure').all()) {
    if (!(await figure.isVisible())) continue;
    const caption = figure.locator('figcaption').first();
    const explained = caption.locator('.quiet');
    const beside = (await explained.count()) > 0 ? await explained.first().textContent() : null;
    const file = `${name}-${slugOf((await caption.textContent()) ?? '', beside ?? '')}.png`;
    if (names.includes(file)) continue;
    await figure.screenshot({ path: join(directory, file) });
    names.push(file);
  }
  return names;
}

async function flames(page: Page, directory: string, name: string): Promise<string[]> {
  const names: string[] = [];
  for (const flame of await page.locator('.flame').all()) {
    const canvas = flame.locator('canvas').first();
    if (!(await canvas.isVisible())) continue;
    const file = `${name}-flame-${await flame.getAttribute('data-flame')}.png`;
    await canvas.screenshot({ path: join(directory, file) });
    names.push(file);
  }
  return names;
}

/** The title of a caption, without what is explained behind it. */
export function slugOf(caption: string, explained: string): string {
  return caption
    .replace(explained, '')
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
}
