/** Light and dark: as the system has it, or as the button says. Charts are drawn on canvases, so they draw anew after a change. */
import { make } from './element.ts';

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const listeners: (() => void)[] = [];

/** Runs `redraw` after each change between light and dark. */
export function onThemeChange(redraw: () => void): void {
  listeners.push(redraw);
}

/** The value of a CSS variable of the page: `colour('line-1')`. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function themeButton(): HTMLButtonElement {
  const button = make('button', { type: 'button', id: 'theme' });
  const announce = (): void => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', isDark() ? 'Light colours' : 'Dark colours');
    for (const redraw of listeners) redraw();
  };
  button.addEventListener('click', () => {
    document.documentElement.dataset['theme'] = isDark() ? 'light' : 'dark';
    announce();
  });
  systemDark.addEventListener('change', announce);
  announce();
  return button;
}

function isDark(): boolean {
  const chosen = document.documentElement.dataset['theme'];
  return chosen === undefined ? systemDark.matches : chosen === 'dark';
}
