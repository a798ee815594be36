/**
 * HTML by template literals: what is put into a template is escaped, unless it is HTML from another template. So a key, a
 * label or a path in a report is text, whatever it holds.
 */

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = Html | string | number | null | undefined | false | readonly HtmlPart[];

/** `null`, `undefined` and `false` are nothing; lists stand one after another. */
export function html(literals: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  const texts = literals.map((literal, index) => (index === 0 ? '' : textOf(parts[index - 1])) + literal);
  return new Html(texts.join(''));
}

/** For text and for attribute values in quotes of either kind. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** JSON for a `<script type="application/json">`: no `<`, so no key or label can end the script or start a comment. */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

function textOf(part: HtmlPart): string {
  if (part === null || part === undefined || part === false) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'string') return escapeHtml(part);
  return typeof part === 'number' ? String(part) : part.map(textOf).join('');
}
