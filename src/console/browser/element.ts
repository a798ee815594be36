/** Elements of the page, made once and changed in place, so that a refresh moves no focus and ends no selection. */
import type { Health, Tone } from '../health.ts';

export type Child = Node | string;

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Puts these children in place of what is there, if they are others. */
export function setChildren(element: Element, ...children: readonly Child[]): void {
  const same =
    children.length === element.childNodes.length &&
    children.every((child, at) => isSame(child, element.childNodes[at]));
  if (!same) element.replaceChildren(...children);
}

function isSame(child: Child, present: Node | undefined): boolean {
  if (typeof child === 'string') return present?.nodeType === Node.TEXT_NODE && present.textContent === child;
  return child === present || (present !== undefined && child.isEqualNode(present));
}

/** A part of the page with its heading. */
export function section(title: string, ...children: readonly Child[]): { element: HTMLElement; command: Command } {
  const command = new Command();
  const head = make('div', { className: 'head' }, make('h2', {}, title), command.element);
  const element = make('section', {}, head, ...children);
  element.setAttribute('aria-label', title);
  return { element, command };
}

/** A command line that tells or does what stands beside it, to copy; nothing until it is set. */
export class Command {
  readonly element = make('span', { className: 'command', hidden: true });
  readonly #code = make('code');
  readonly #button = make('button', { type: 'button', className: 'copy' }, 'Copy');

  constructor(text = '') {
    this.element.append(this.#code, this.#button);
    this.#button.addEventListener('click', () => void copy(this.#code, this.#button));
    this.set(text);
  }

  set(text: string): void {
    this.element.hidden = text === '';
    setText(this.#code, text);
    this.#button.setAttribute('aria-label', `Copy the command ${text}`);
  }
}

/** Where the clipboard is not allowed, the text is selected instead, ready for the keyboard. */
async function copy(code: HTMLElement, button: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(code.textContent ?? '');
    button.textContent = 'Copied';
  } catch {
    getSelection()?.selectAllChildren(code);
    button.textContent = 'Selected';
  }
  setTimeout(() => (button.textContent = 'Copy'), 1500);
}

const shapes: Readonly<Record<Tone, string>> = {
  good: 'M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10z',
  warn: 'M6 .8l5.6 10.4H.4z',
  bad: 'M1 1h10v10H1z',
  unknown: 'M6 1.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4zM6 3.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 1 1 0-5.6z',
};

/** A circle, triangle, square or ring: the word beside it says the same. */
export function mark(tone: Tone): SVGElement {
  const svg = svgElement('svg', { viewBox: '0 0 12 12', class: `mark ${tone}`, 'aria-hidden': 'true' });
  svg.append(svgElement('path', { d: shapes[tone], 'fill-rule': 'evenodd' }));
  return svg;
}

export function badge({ tone, word }: Pick<Health, 'tone' | 'word'>): HTMLElement {
  return make('span', { className: `badge ${tone}` }, mark(tone), word);
}

export function svgElement(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
