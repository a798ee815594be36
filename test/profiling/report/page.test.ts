/** The page shell: what any report opened from a disk does, and can never do. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { html } from '../../../profiling/report/html.ts';
import { renderPage } from '../../../profiling/report/page.ts';
import { sharedBrowser, skipWithoutChromium } from '../../support/browser.ts';

const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(2)><!--<script>"\'&';

const open = sharedBrowser();

test('html`` escapes what is put in, but not its own templates, and shows nothing for nothing', () => {
  const inner = html`<b title="${'"<'}">${'a & b'}</b>`;
  assert.equal(inner.text, '<b title="&#34;&#60;">a &#38; b</b>');
  assert.equal(html`<p>${[inner, ' ', 3]}${null}${false}${undefined}</p>`.text, `<p>${inner.text} 3</p>`);
});

test(
  'a page holds what it was given, runs its scripts and asks the network for nothing',
  { skip: skipWithoutChromium },
  async () => {
    const text = await renderPage({ title: 'A page', data: { a: 1 }, body: html`<p id="here">Here</p>` });
    const { page, complaints } = await open(text);
    assert.equal(await page.title(), 'A page');
    assert.equal(await page.locator('h1').innerText(), 'A page');
    assert.equal(await page.locator('#here').innerText(), 'Here');
    assert.equal(await page.locator('#theme-toggle').innerText(), 'Dark colours');
    assert.equal(await page.evaluate('document.getElementById("page-data").textContent'), '{"a":1}');
    assert.deepEqual(complaints, []);
  },
);

test('hostile text in title, data and body stays text', { skip: skipWithoutChromium }, async () => {
  const body = html`<p id="here" title="${hostile}">${hostile}</p>`;
  const text = await renderPage({ title: hostile, data: { [hostile]: hostile }, body });
  const { page, complaints } = await open(text);
  assert.equal(await page.locator('#here').innerText(), hostile);
  assert.equal(await page.locator('#here').getAttribute('title'), hostile);
  const data = await page.evaluate<string>('document.getElementById("page-data").textContent');
  assert.deepEqual(JSON.parse(data), { [hostile]: hostile });
  assert.equal(await page.locator('img').count(), 0);
  assert.deepEqual(complaints, []);
});

test("the policy stops requests and scripts that are not the page's own", { skip: skipWithoutChromium }, async () => {
  const { page, complaints } = await open(await renderPage({ title: 'A page', body: html`` }));
  const outcome = await page.evaluate<string[]>(`(async () => {
    const element = document.createElement('script');
    element.textContent = 'window.ran = true';
    document.body.append(element);
    const fetched = await fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused');
    return [fetched, String(window.ran)];
  })()`);
  assert.deepEqual(outcome, ['refused', 'undefined']);
  assert.ok(
    complaints.every((one) => one.startsWith('console: ') && /Content Security Policy/.test(one)),
    complaints.join('\n'),
  );
});

test("the page follows the system's colours until its switch is used", { skip: skipWithoutChromium }, async () => {
  const text = await renderPage({ title: 'A page', body: html`` });
  const { page } = await open(text, { colorScheme: 'dark' });
  const ground = async (): Promise<string> => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  const dark = await ground();
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await ground();
  assert.notEqual(light, dark);
  await page.getByRole('button', { name: 'Dark colours' }).press('Enter');
  assert.equal(await ground(), dark);
  assert.equal(await page.locator('#theme-toggle').innerText(), 'Light colours');
});
