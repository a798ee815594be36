/** Asks for a client token where the page's node wants one. It stays in this tab, and goes to that node alone. */
import { onTokenAnswer, useToken } from './ask.ts';
import { make, setText } from './element.ts';

export class TokenView {
  readonly element: HTMLFormElement;
  readonly #why = make('span');

  constructor() {
    const input = make('input', { id: 'token', type: 'password', autocomplete: 'off', required: true });
    const button = make('button', { type: 'submit' }, 'Show it');
    const label = make('label', { htmlFor: 'token' }, 'Token with the scope “read”');
    this.element = make('form', { className: 'token', hidden: true }, this.#why, label, input, button);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      useToken(input.value.trim());
      input.value = '';
      this.element.hidden = true;
    });
    onTokenAnswer((refusal) => {
      this.element.hidden = refusal === undefined;
      if (refusal !== undefined) setText(this.#why, refusal);
    });
  }
}
