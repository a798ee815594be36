import assert from 'node:assert/strict';
import test from 'node:test';
import { evaluate, validatorFields, type Preconditions, type ReadVerdict } from '../../src/http/preconditions.ts';

const version = 784_111_777_654_321;
const now = 1_800_000_000;
const none: Preconditions = { ifMatch: '', ifNoneMatch: '', ifModifiedSince: '', ifUnmodifiedSince: '' };
const tag = `"${version}"`;
const before = 'Sun, 06 Nov 1994 08:49:36 GMT';
const same = 'Sun, 06 Nov 1994 08:49:37 GMT';

type Case = readonly [what: string, fields: Partial<Preconditions>, verdict: ReadVerdict];
const cases: readonly Case[] = [
  ['nothing', {}, 'send'],
  ['its tag', { ifNoneMatch: tag }, 'not-modified'],
  ['its tag as a weak one', { ifNoneMatch: `W/${tag}` }, 'not-modified'],
  ['its tag among others', { ifNoneMatch: `"a,b" ,\tW/"", ,${tag},` }, 'not-modified'],
  ['any', { ifNoneMatch: '*' }, 'not-modified'],
  ['another tag', { ifNoneMatch: '"1"' }, 'send'],
  ['its tag without quotes', { ifNoneMatch: String(version) }, 'send'],
  ['its tag in a list that is none', { ifNoneMatch: `${tag} "1"` }, 'send'],
  ['its tag beside any', { ifNoneMatch: `*, ${tag}` }, 'send'],
  ['its tag with w in lower case', { ifNoneMatch: `w/${tag}` }, 'send'],
  ['its time', { ifModifiedSince: same }, 'not-modified'],
  ['a time before', { ifModifiedSince: before }, 'send'],
  ['no time', { ifModifiedSince: 'yesterday' }, 'send'],
  ['another tag, before its time', { ifNoneMatch: '"1"', ifModifiedSince: same }, 'send'],
  ['its tag, before another time', { ifNoneMatch: tag, ifModifiedSince: before }, 'not-modified'],
  ['only its tag', { ifMatch: `"1", ${tag}` }, 'send'],
  ['only any', { ifMatch: '*' }, 'send'],
  ['only its tag as a weak one', { ifMatch: `W/${tag}` }, 'failed'],
  ['only another tag', { ifMatch: '"1"' }, 'failed'],
  ['only what is not changed since its time', { ifUnmodifiedSince: same }, 'send'],
  ['only what is not changed since a time before', { ifUnmodifiedSince: before }, 'failed'],
  ['only its tag, before a time that would fail', { ifMatch: tag, ifUnmodifiedSince: before }, 'send'],
  ['only another tag, before one that is known', { ifMatch: '"1"', ifNoneMatch: tag }, 'failed'],
  ['only its tag, and that is known', { ifMatch: tag, ifNoneMatch: tag }, 'not-modified'],
];

for (const [what, fields, verdict] of cases) {
  test(`evaluate() ${what}: ${verdict}`, () => assert.equal(evaluate({ ...none, ...fields }, version, now), verdict));
}

test('a version says its tag and its second, and no time that is still to come', () => {
  const dated = (time: string): string => `etag: ${tag}\r\nlast-modified: ${time}\r\ncache-control: no-cache\r\n`;
  assert.equal(validatorFields(version, now), dated(same));
  assert.equal(validatorFields(version, 784_111_776), dated(before));
  assert.equal(evaluate({ ...none, ifModifiedSince: before }, version, 784_111_776), 'not-modified');
});

test('the tag of a version is its number, whichever was written before', () => {
  for (const each of [0, 7, 99_999_999, 100_000_000, version, version + 1, version - 100_000_000, 2 ** 53 - 1]) {
    assert.match(validatorFields(each, now), new RegExp(`^etag: "${each}"\r\n`));
  }
});

test('the time of a version is its own, also 1,024 seconds after another one', () => {
  for (const seconds of [1_700_000_000, 1_700_001_024, 1_700_000_000]) {
    const date = new Date(seconds * 1000).toUTCString();
    assert.match(validatorFields(seconds * 1_000_000, now), new RegExp(`last-modified: ${date}\r\n`));
  }
});
