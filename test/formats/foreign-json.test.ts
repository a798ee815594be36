import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldOf, listFieldOf, parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';

test('parseJson() is undefined for what is no JSON', () => {
  assert.deepEqual(parseJson('{"a":[1]}'), { a: [1] });
  for (const text of ['', '{', 'Listening on http://localhost:8080']) assert.equal(parseJson(text), undefined);
});

test('fields of what is no object, or of another kind, are undefined or an empty list', () => {
  for (const value of [undefined, null, 1, 'a', [], {}]) {
    assert.deepEqual(
      [fieldOf(value, 'a'), textFieldOf(value, 'a'), listFieldOf(value, 'a')],
      [undefined, undefined, []],
    );
  }
  const value = { text: 'a', list: [1], number: 2 };
  assert.deepEqual([fieldOf(value, 'number'), textFieldOf(value, 'text')], [2, 'a']);
  assert.deepEqual(
    [textFieldOf(value, 'number'), listFieldOf(value, 'list'), listFieldOf(value, 'text')],
    [undefined, [1], []],
  );
});
