import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFaults, faultKinds, readFaults } from '../../src/formats/faults.ts';
import { anyText } from '../support/text.ts';

const fault = (detail: fc.Arbitrary<string>) =>
  fc.record({ node: fc.nat(63), kind: fc.constantFrom(...faultKinds), detail }, { noNullPrototype: true });

test('faults are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(fault(anyText), { maxLength: 64 }), (faults) => {
      assert.deepEqual(readFaults(encodeFaults(faults)), faults);
    }),
  );
});

test('long words are cut between two characters', () => {
  for (const character of ['a', 'é', '€', '𐀀']) {
    const [read] = readFaults(encodeFaults([{ node: 1, kind: 'unreached', detail: character.repeat(300) }]));
    const bytes = Buffer.byteLength(read?.detail ?? '');
    assert.ok(bytes > 116 && bytes <= 120 && !read?.detail.includes('\ufffd'), `${character}: ${bytes}`);
  }
});

test('what does not parse is refused, wherever it is cut', () => {
  const whole = encodeFaults([{ node: 1, kind: 'silent', detail: 'why' }]);
  for (let end = 1; end < whole.length; end++) {
    assert.throws(() => readFaults(whole.subarray(0, end)), { code: 'corrupt-frame' });
  }
  assert.throws(() => readFaults(Buffer.from([0, 200, 0])), { code: 'corrupt-frame' });
});
