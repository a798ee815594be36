/** What every report must be when it is open in a browser. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { contrast } from './contrast.ts';

/** Resolves when the charts have drawn: each visible canvas has more than its background. */
export async function assertDrawn(page: Page, atLeast: number): Promise<void> {
  const colours = await page.evaluate<number[]>(`(() => {
    const counts = [];
    for (const canvas of document.querySelectorAll('.chart canvas')) {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const pixels = new Uint32Array(data.buffer);
      counts.push(new Set(pixels).size);
    }
    return counts;
  })()`);
  assert.ok(colours.length >= atLeast, `${colours.length} charts`);
  // Axes and labels alone have a few shades; a line or cell on top more.
  assert.ok(
    colours.every((count) => count > 8),
    String(colours),
  );
}

interface TextColour {
  readonly text: string;
  readonly colour: string;
  readonly ground: string;
}

/** Every visible text has a contrast of 4.5 to 1 with its background. */
export async function assertReadable(page: Page): Promise<void> {
  const found = await page.evaluate<TextColour[]>(`(() => {
    const hex = (rgb) => '#' + rgb.match(/[\\d.]+/g).slice(0, 3).map((part) => Number(part).toString(16).padStart(2, '0')).join('');
    const isClear = (rgb) => /^rgba\\(.*, 0\\)$/.test(rgb);
    const groundOf = (element) => {
      for (let one = element; one !== null; one = one.parentElement) {
        const ground = getComputedStyle(one).backgroundColor;
        if (!isClear(ground)) return hex(ground);
      }
      return '#ffffff';
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const text = walker.currentNode.textContent.trim();
      if (text === '' || element.tagName === 'SCRIPT' || !element.checkVisibility()) continue;
      found.push({ text: text.slice(0, 40), colour: hex(getComputedStyle(element).color), ground: groundOf(element) });
    }
    return found;
  })()`);
  assert.ok(found.length > 20);
  const poor = found.filter(({ colour, ground }) => contrast(colour, ground) < 4.5);
  assert.deepEqual(poor, []);
}

/** On a phone only tables scroll sideways, never the page. */
export async function assertFits(page: Page): Promise<void> {
  const [content, window] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, window.innerWidth]',
  );
  assert.ok(content <= window, `${content} px in ${window} px`);
}

/** Headings go down by single steps, tables have captions, charts a text. */
export async function assertStructured(page: Page): Promise<void> {
  const levels = await page.evaluate<number[]>(
    `[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => Number(one.tagName[1]))`,
  );
  assert.equal(levels.filter((level) => level === 1).length, 1);
  assert.ok(
    levels.every((level, index) => level <= (levels[index - 1] ?? 0) + 1),
    String(levels),
  );
  assert.equal(await page.locator('table:not(:has(caption))').count(), 0);
  assert.equal(await page.locator('.chart:not([aria-label])').count(), 0);
  assert.equal(await page.locator('figure:not(:has(details table))').count(), 0, 'a chart without a table behind it');
}

/** The cells of the table with this caption, by rows; the head is the first. */
export async function tableCells(page: Page, caption: string): Promise<string[][]> {
  const cells = await page.evaluate<string[][]>(`(() => {
    const isMeant = (table) => table.caption.textContent.includes(${JSON.stringify(caption)});
    const table = [...document.querySelectorAll('table')].find(isMeant);
    return [...(table?.rows ?? [])].map((row) => [...row.cells].map((cell) => cell.textContent));
  })()`);
  return cells.map((row) => row.map((text) => text.trim().replaceAll(/[\u202f\u00a0]/g, ' ')));
}
