import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forming } from '../src/domain/standing.ts';
import type { Standing } from '../src/domain/node-claim.ts';
import { encodeState, listLeft, newId, parseState, STATE_FORMAT, type StoreState } from '../src/store-state.ts';

const [a, b, c] = ['http://a:1', 'http://b:1', 'http://c:1'];
const two = { urls: [a, b], replicationFactor: 2 };
const three = { urls: [a, b, c], replicationFactor: 3 };
const voting: Standing = { kind: 'voting', formed: {}, isAccepted: false };

function state(more: Partial<StoreState> = {}): StoreState {
  const store = { storeId: newId(), counter: 1, replaces: [], standing: forming, knows: {} };
  return { format: STATE_FORMAT, url: a, list: two, ...store, ...more };
}

test('a state is read as it was kept', () => {
  for (const one of [state(), state({ standing: voting, replaces: ['x'], counter: 99 })]) {
    assert.deepEqual(parseState(encodeState(one)), one);
  }
});

test('what is no state, or of a newer format, is refused', () => {
  for (const text of ['', '{', 'null', '{}', '{"format":1}']) assert.throws(() => parseState(text));
  assert.throws(() => parseState(encodeState({ ...state(), format: 2 as never })), /format 2/);
});

test('a store of the same node and list leaves no list', () => {
  assert.equal(listLeft('data', state(), { url: a, list: two }, false), undefined);
  assert.equal(listLeft('data', state(), { url: a, list: two }, true), undefined);
});

test('a store of another node is refused by both names, whatever is accepted', () => {
  for (const isNewTopology of [false, true]) {
    assert.throws(() => listLeft('data/n2', state(), { url: b, list: two }, isNewTopology), {
      code: 'store-foreign',
      message:
        /"data\/n2": it belongs to http:\/\/a:1 of cluster .*; this start is http:\/\/b:1 of .*--self http:\/\/a:1/,
    });
  }
});

test('another list, or other copies of a record, are refused until they are accepted', () => {
  for (const list of [three, { ...two, replicationFactor: 1 }]) {
    const told = { url: a, list };
    assert.throws(() => listLeft('data', state({ standing: voting }), told, false), {
      code: 'store-foreign',
      message: /--cluster http:\/\/a:1,http:\/\/b:1 --replication-factor 2, or .*--new-topology/,
    });
    assert.deepEqual(listLeft('data', state({ standing: voting }), told, true), two);
  }
});

test('a list cannot be left before the one before it is', () => {
  const old = { ...two, isMember: true };
  const moving = { kind: 'recovering', reason: 'new-topology', since: 1, told: {}, merged: {}, old } as const;
  const kept = state({ list: three, standing: moving });
  assert.throws(() => listLeft('data', kept, { url: a, list: two }, true), {
    code: 'store-foreign',
    message: /still leaving/,
  });
  assert.equal(listLeft('data', kept, { url: a, list: three }, true), undefined);
});
