/** Redis's replies are read wherever the network cuts them, and become the statuses that Kvorum's nodes give. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import test from 'node:test';
import { command, readReply, RespParser } from '../../../profiling/load/resp.ts';

const cases: readonly (readonly [what: string, bytes: string, isRead: boolean, wait: number, status: number])[] = [
  ['a value', '$5\r\nhello\r\n', true, 1, 200],
  ['a value with line ends in it', '$8\r\na\r\n$1\r\nb\r\n', true, 1, 200],
  ['no such key', '$-1\r\n', true, 1, 404],
  ['a SET that nobody waits for', '+OK\r\n', false, 0, 201],
  ['a SET that enough replicas have', '+OK\r\n:2\r\n', false, 1, 201],
  ['a SET that too few replicas have', '+OK\r\n:1\r\n', false, 2, 504],
  ['a refused SET and its WAIT', '-OOM command not allowed\r\n:0\r\n', false, 1, 500],
  ['a SET whose WAIT is refused', '+OK\r\n-ERR unknown command\r\n', false, 1, 504],
  ['a refused GET', '-LOADING Redis is loading the dataset in memory\r\n', true, 1, 500],
];

for (const [what, text, isRead, wait, status] of cases) {
  test(`${what} is ${status}, in one piece and byte by byte`, () => {
    const whole = Buffer.from(text);
    const parser = new RespParser({ isRead }, wait);
    for (const parts of [[whole], [...whole].map((byte) => Buffer.of(byte)), [whole]]) {
      const ends = parts.map((part) => parser.take(part, part.length)).filter((end) => end !== undefined);
      assert.deepEqual(ends, [{ status, keepAlive: true, retryAfterMs: null }]);
    }
  });
}

test('what is no reply, or one too many, is refused', () => {
  for (const text of [
    'HTTP/1.1 200 OK\r\n',
    '$x\r\n',
    '$2\r\nabc\r\n',
    '$1\r\na\r\n+OK\r\n',
    `+${'x'.repeat(70_000)}`,
  ]) {
    const bytes = Buffer.from(text);
    assert.throws(() => new RespParser({ isRead: true }, 0).take(bytes, bytes.length), text.slice(0, 20));
  }
});

test('lists within lists are read to a depth that ends', () => {
  const bytes = Buffer.from('*2\r\n*1\r\n:7\r\n$1\r\na\r\n');
  assert.deepEqual(readReply(bytes, 0)?.next, bytes.length);
  assert.throws(() => readReply(Buffer.from('*1\r\n'.repeat(1000)), 0), /within/);
  assert.equal(command('SET', 'k', 'ab'), '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nab\r\n');
});
