/**
 * What every report page does in the browser: gives the scripts its data, switches between light and dark, copies commands.
 * Charts draw on canvases, which no style sheet reaches, so they draw anew when `onThemeChange` calls.
 */

import { makeButton } from './element.ts';

export type Theme = 'light' | 'dark';

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];

/** The `data` that the page was rendered with; its type is that of the page's own renderer. */
export function pageData<Data>(): Data {
  return JSON.parse(document.getElementById('page-data')?.textContent ?? 'null') as Data;
}

export function theme(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return systemDark.matches ? 'dark' : 'light';
}

/** Runs `redraw` after each change between light and dark, before printing (which is light) and after it. */
export function onThemeChange(redraw: () => void): void {
  listeners.push(redraw);
}

/** The value of a CSS variable of the page: `colour('series-1')`. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function setTheme(chosen: Theme | undefined): void {
  if (chosen === undefined) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
  announce();
}

function announce(): void {
  const button = document.getElementById('theme-toggle');
  if (button !== null) button.textContent = theme() === 'dark' ? 'Light colours' : 'Dark colours';
  for (const redraw of listeners) redraw();
}

function startThemes(): void {
  const button = document.getElementById('theme-toggle');
  if (button !== null) button.hidden = false;
  button?.addEventListener('click', () => setTheme(theme() === 'dark' ? 'light' : 'dark'));
  systemDark.addEventListener('change', announce);
  let before: Theme | undefined;
  addEventListener('beforeprint', () => {
    before = document.documentElement.dataset['theme'] as Theme | undefined;
    setTheme('light');
  });
  addEventListener('afterprint', () => setTheme(before));
  announce();
}

/** `<div class="copyable"><pre>...</pre></div>` gets a button. */
function startCopying(): void {
  for (const block of document.querySelectorAll<HTMLElement>('.copyable')) {
    const text = block.querySelector('pre')?.textContent ?? '';
    const button = makeButton('Copy', () => void copy(text, block).then((said) => (button.textContent = said)));
    block.append(button);
  }
}

/** Where the clipboard is not allowed, the text is selected instead, ready for the keyboard. */
async function copy(text: string, block: HTMLElement): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied';
  } catch {
    getSelection()?.selectAllChildren(block.querySelector('pre') ?? block);
    return 'Selected';
  }
}

startThemes();
startCopying();
