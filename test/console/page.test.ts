/** The page at `/` in a browser, while its cluster lives, loses nodes and gets them back. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Page } from 'playwright-core';
import { sharedSite, skipWithoutChromium } from '../support/browser.ts';
import { formatGrant, grantFor } from '../../src/domain/tokens.ts';
import { certificates as testCertificates, writeCertificates } from '../support/certificates.ts';
import { ask, trustAuthority } from '../support/client.ts';
import { prepareCluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { assertDrawn, assertFits, assertReadable } from '../support/report-page.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const options = { skip: skipWithoutChromium };
const open = sharedSite();
const cluster = await startCluster({ after }, { nodes: 3 });

const textOf = (page: Page, selector: string): Promise<string> => page.locator(selector).innerText();
const says = (page: Page, selector: string, text: RegExp): Promise<void> =>
  eventually(async () => assert.match(await textOf(page, selector), text));
/** The row of a node, and the one behind it that says why. */
const rowOf = (index: number): string => `.nodes tbody tr:has(th:has-text("${new URL(cluster.node(index).url).host}"))`;

test('the page is sent with a policy that names its script and style, and lets it ask its node alone', async () => {
  const { status, headers, body } = await ask(cluster.node(0).url, '/');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  const policy = String(headers['content-security-policy']);
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self';/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(body.toString(), /(?:src|href)="(?!data:,)/);
});

test('a page of another name is told nothing of the cluster', async () => {
  for (const path of ['/', '/v0/console']) {
    assert.equal((await ask(cluster.node(0).url, path, { headers: { host: 'attacker.example' } })).status, 421);
  }
});

test('a node that dies and returns is told on its own page and on another’s, by word and reason', options, async () => {
  const { page, complaints } = await open(`${cluster.node(0).url}/`);
  const { page: own } = await open(`${cluster.node(2).url}/`);
  for (const one of [page, own]) await says(one, '.verdict', /^All 3 nodes ready$/);
  assert.equal(await own.locator('.alarm').isVisible(), false);

  await cluster.node(2).kill();
  await says(page, '.verdict', /^2 of 3 nodes ready/);
  await says(page, `${rowOf(2)} .state`, /^down$/);
  await says(page, `${rowOf(2)} + .why`, /ECONNREFUSED/);
  await says(page, '.events', new RegExp(`down ${new URL(cluster.node(2).url).host}`));
  await says(own, '.alarm', /has not answered since \d\d:\d\d:\d\d/);
  const links = await Promise.all((await own.locator('.alarm a').all()).map((one) => one.getAttribute('href')));
  assert.deepEqual(links, [cluster.node(0).url, cluster.node(1).url]);
  await says(own, `${rowOf(2)} .state`, /^down$/);
  await says(own, `${rowOf(0)} .state`, /^not known$/);

  await cluster.start(2);
  for (const one of [page, own]) await says(one, '.verdict', /^All 3 nodes ready$/);
  assert.equal(await page.locator('.why').count(), 0);
  await says(page, '.events', new RegExp(`ready ${new URL(cluster.node(2).url).host}`));
  assert.equal(await own.locator('.alarm').isVisible(), false);
  assert.deepEqual(complaints, []);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`in ${colorScheme} colours all is readable, and fits from 390 to 1,600 px`, options, async () => {
    const { page, complaints } = await open(`${cluster.node(0).url}/`, { colorScheme });
    await says(page, '.verdict', /^All 3 nodes ready$/);
    for (const width of [390, 1024, 1600]) {
      await page.setViewportSize({ width, height: 900 });
      // Charts are drawn anew a moment after their place has another width.
      await eventually(() => assertFits(page));
      await assertReadable(page);
    }
    await assertDrawn(page, 2);
    assert.deepEqual(complaints, []);
  });
}

test(
  'each part is reached by keyboard: charts read, nodes chosen, commands copied, keys looked up',
  options,
  async () => {
    const { page } = await open(`${cluster.node(0).url}/`);
    await says(page, '.verdict', /^All 3 nodes ready$/);
    const [first] = await page.locator('.chart').all();
    await first?.focus();
    await page.keyboard.press('ArrowLeft');
    await says(page, '.legend .at >> nth=0', /^at \d\d:\d\d:\d\d$/);
    await page.locator('#shown').focus();
    await page.keyboard.press('End');
    const { url } = cluster.node(2);
    await says(
      page,
      'section[aria-label="Rate and latency"] .command code',
      new RegExp(`^kvorum bench --target ${url}$`),
    );
    await page.locator('section[aria-label="Nodes"] .copy').focus();
    await page.keyboard.press('Enter');
    await says(page, 'section[aria-label="Nodes"] .copy', /^(?:Copied|Selected)$/);
    assert.equal((await cluster.put(1, 'a key', 'value', { ack: 3, from: 3 })).status, 201);
    await page.locator('#key').fill('a key');
    await page.keyboard.press('Enter');
    await says(page, '.answer', /all 3 replicas agree/);
    assert.equal(await page.locator('.key tbody tr').count(), 3);
    await says(page, '.answer .command code', /^kvorum inspect 'a key' --url http/);
  },
);

test('a node with tokens has the page ask for one, and its peers through it as whoever has it', options, async (t) => {
  const tokensFile = join(temporaryDirectory(t), 'tokens');
  const token = 'token-of-a-reader';
  writeFileSync(tokensFile, formatGrant(grantFor(token, 'read', 'reader')));
  const certificates = writeCertificates(temporaryDirectory(t), testCertificates());
  trustAuthority(readFileSync(certificates.ca, 'utf8'));
  const guarded = await prepareCluster(t, { nodes: 2, tls: certificates, flags: ['--tokens-file', tokensFile] });
  await Promise.all(guarded.nodes.map((node) => node.start()));
  const { page, complaints } = await open(`${guarded.node(0).url}/`, { ignoreHTTPSErrors: true });
  await says(page, '.token', /^This node asks for a token\./);
  await page.fill('#token', 'token-of-nobody');
  await page.click('.token button');
  await says(page, '.token', /^This node does not take the token\./);
  assert.equal(await page.locator('#token').inputValue(), '');
  await page.fill('#token', token);
  await page.click('.token button');
  await says(page, '.verdict', /^All 2 nodes ready$/);
  assert.equal(await page.locator('.token').isVisible(), false);
  assert.deepEqual(
    complaints.filter((one) => !one.includes('401')),
    [],
  );
});
