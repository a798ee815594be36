import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyEntry, MergedCursor, type CursorStep, type EntryCursor } from '../../../workers/store/cursors.ts';
import { bytesOf } from '../../formats/arbitraries.ts';

/** Shows keys in order in one buffer, as cursors do; each is awaited first as often as `waits` says, in turns. */
class FakeCursor implements EntryCursor {
  readonly entry = emptyEntry(Buffer.alloc(16));
  readonly isChecked = true;
  isClosed = false;
  readonly #keys: readonly Buffer[];
  readonly #waits: readonly number[];
  #at = 0;
  #waited = 0;

  constructor(keys: readonly Buffer[], waits: readonly number[], mark: number) {
    this.#keys = keys;
    this.#waits = waits;
    this.entry.bytes = Buffer.from([mark]);
  }

  next(): CursorStep {
    const waits = this.#waits[this.#at % Math.max(1, this.#waits.length)] ?? 0;
    if (this.#waited++ < waits) return 'waiting';
    this.#waited = 0;
    const key = this.#keys[this.#at++];
    if (key === undefined) {
      assert.ok(this.#at === this.#keys.length + 1, 'asked again after its end');
      return 'ended';
    }
    this.entry.keyEnd = key.copy(this.entry.key);
    return 'entry';
  }

  close(): void {
    this.isClosed = true;
  }
}

const sortedKeys = fc
  .uniqueArray(bytesOf(1, 2), { selector: (key) => key.toString('hex'), maxLength: 12 })
  .map((keys) => keys.sort((left, right) => left.compare(right)));

test('MergedCursor shows every key once in order, from the first cursor that has it, whatever waits', () => {
  const layer = fc.record({ keys: sortedKeys, waits: fc.array(fc.nat(2), { maxLength: 4 }) });
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 5 }), (layers) => {
      const model = new Map<string, number>();
      for (const [mark, { keys }] of [...layers.entries()].reverse()) {
        for (const key of keys) model.set(key.toString('hex'), mark);
      }
      const cursors = layers.map(({ keys, waits }, mark) => new FakeCursor(keys, waits, mark));
      const merged = new MergedCursor(cursors);
      const found: [string, number | undefined][] = [];
      for (let step = merged.next(); step !== 'ended'; step = merged.next()) {
        const { key, keyStart, keyEnd, bytes } = merged.entry;
        if (step === 'entry') found.push([key.toString('hex', keyStart, keyEnd), bytes[0]]);
      }
      assert.deepEqual(
        found,
        [...model].sort(([left], [right]) => (left < right ? -1 : 1)),
      );
      merged.close();
      assert.ok(cursors.every(({ isClosed }) => isClosed));
    }),
  );
});
