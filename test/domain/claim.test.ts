import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseClaim, parseClusterList } from '../../src/domain/claim.ts';
import type { Claim, Standing } from '../../src/domain/node-claim.ts';

const url = 'http://a:1';
const old = { urls: [url], replicationFactor: 1, isMember: true };
const merged = { [url]: { storeId: 's', as: 'voting', upTo: 'a2V5', isDone: false } } as const;
const standings: readonly Standing[] = [
  { kind: 'forming' },
  { kind: 'voting', formed: { [url]: 's' }, isAccepted: true },
  { kind: 'recovering', reason: 'empty', since: 5, told: { [url]: 7 }, merged, old: undefined },
  { kind: 'recovering', reason: 'new-topology', since: 5, told: {}, merged: {}, old },
];
const known = { storeId: 's', counter: 3, startId: 'x', replaces: ['r'] };
const claim = (standing: Standing): Claim => {
  return { ...known, url, counterFound: 2, standing, knows: { 'http://b:1': known }, newest: 9, serial: 3 };
};

test('a claim comes through JSON as it was', () => {
  for (const standing of standings) {
    const text = JSON.stringify(claim(standing));
    const parsed = parseClaim(JSON.parse(text));
    assert.deepEqual(JSON.parse(JSON.stringify(parsed)), JSON.parse(text));
  }
});

test('a claim of which any part is missing or of another kind is none', () => {
  const others = [null, -1, 0.5, 'x'.repeat(5000), [], {}, true, Array.from({ length: 65 }, () => 'x')];
  for (const standing of standings) {
    const whole = JSON.parse(JSON.stringify(claim(standing))) as Record<string, unknown>;
    for (const name of Object.keys(whole)) {
      const { [name]: value, ...rest } = whole;
      // Versions that did not count their claims have none.
      if (name === 'serial') assert.equal(parseClaim(rest)?.serial, 0);
      else assert.equal(parseClaim(rest), undefined, `without ${name}`);
      for (const other of others) {
        const isSame = JSON.stringify(other) === JSON.stringify(value);
        const isAlike =
          name === 'knows' ? JSON.stringify(other) === '{}' : name === 'replaces' && JSON.stringify(other) === '[]';
        if (!isSame && !isAlike)
          assert.equal(parseClaim({ ...whole, [name]: other }), undefined, `${name}: ${typeof other}`);
      }
    }
  }
});

test('whatever a peer sends, reading it as a claim does not throw', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void parseClaim(value)));
  fc.assert(
    fc.property(fc.constantFrom(...standings), fc.jsonValue(), fc.jsonValue(), (standing, one, other) => {
      parseClaim({ ...claim(standing), standing: { ...standing, merged: one, told: other, formed: other, old: one } });
    }),
  );
});

test('a list has nodes, at most 64, and no more copies than nodes', () => {
  assert.deepEqual(parseClusterList({ urls: [url], replicationFactor: 1 }), { urls: [url], replicationFactor: 1 });
  for (const [urls, replicationFactor] of [
    [[], 0],
    [[url], 2],
    [[url], 0],
    [Array.from({ length: 65 }, String), 1],
  ]) {
    assert.equal(parseClusterList({ urls, replicationFactor }), undefined);
  }
});
