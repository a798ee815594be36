/** Settings: what clients may ask for and hold. */
import { GIB, KIB, MIB } from '../../domain/units.ts';
import { duration, integer, shareOfMemory, size, type Others } from '../kinds.ts';

/** What clients hold of each kind by default; a value of the largest size has its place in any case. */
function clientBytesDefault(others: Others): number {
  return Math.max(others.valueBytesMax, shareOfMemory(others, 8, 256 * MIB));
}

const YEAR_MS = 365 * 86_400_000;
const clientBytesWords = '256MiB, or an eighth of the memory that the process may have';

export const requestsEntries = {
  operationsInFlightMax: integer({
    why: 'Requests admitted and not yet answered; past it 503',
    choose: 'More than requests a second times seconds of latency: 6,000/s of 50 ms are 300',
    neededBy: 'node',
    unit: 'requests',
    range: [1, 1_000_000],
    default: 4096,
  }),
  keyBytesMax: size({
    why: 'Longest key; the store itself ends at 1978 bytes',
    choose: 'The longest key that your clients should use',
    neededBy: 'both',
    range: [1, 1900],
    default: KIB,
  }),
  valueBytesMax: size({
    why: 'Longest value; past it 413',
    choose: 'The largest value that your clients should store; a larger one needs larger bounds that must hold it',
    neededBy: 'both',
    range: [1, 256 * MIB],
    default: 16 * MIB,
  }),
  ttlMsMax: duration({
    why: 'Longest time after which a value may expire (ttl of a PUT); past it 400',
    choose: 'The longest that your clients should ask for: what expires later than anybody thinks of is a leak',
    neededBy: 'node',
    range: [1, 100 * YEAR_MS],
    default: 10 * YEAR_MS,
  }),
  bodyBytesInFlightMax: size({
    why: 'Bytes of request bodies that have come and are not yet answered, together; past it 503',
    choose: 'How much memory writes may take: the largest value times the clients that send one at the same time',
    neededBy: 'node',
    range: [1, 64 * GIB],
    atLeast: [{ of: 'valueBytesMax' }],
    default: clientBytesDefault,
    defaultWords: clientBytesWords,
  }),
  answerBytesInFlightMax: size({
    why: 'Bytes of answers that clients have not taken yet, together; past it reads get 503',
    choose: 'How much memory reads may take: the largest value times the clients that read one at the same time',
    neededBy: 'node',
    range: [1, 64 * GIB],
    atLeast: [{ of: 'valueBytesMax' }],
    default: clientBytesDefault,
    defaultWords: clientBytesWords,
  }),
  bodyBytesPerSecondMin: size({
    why: 'Slowest rate of a client: a slower one for 30 s gets 408 for a body, and an answer is cut (after 10 s if half of the room for answers is taken)',
    choose: 'Below what your slowest clients reach; a slow one holds memory for as long as it takes',
    neededBy: 'node',
    range: [1, GIB],
    default: KIB,
  }),
  connectionsMax: integer({
    why: 'Client connections; past it new ones are closed',
    choose: 'Below the limit of open files (ulimit -n), which peers and the store need some of',
    neededBy: 'node',
    unit: 'sockets',
    range: [1, 1_000_000],
    default: 10_000,
  }),
  rangesMax: integer({
    why: 'Range queries answered at once; past it 503',
    choose: 'Few, since they take their time from other requests',
    neededBy: 'both',
    unit: 'requests',
    range: [1, 128],
    default: 16,
  }),
  rangeMsMax: duration({
    why: 'How long a range query may take; while one reads, the store keeps what it sees and grows',
    choose: 'As long as your slowest client needs for your longest range',
    neededBy: 'both',
    range: [1, 86_400_000],
    default: 300_000,
  }),
  keepAliveMs: duration({
    why: 'How long an idle client connection stays open',
    choose:
      'Longer than the proxies and clients in front keep it, so that they close it and no request meets a closed one',
    neededBy: 'node',
    range: [1, 3_600_000],
    default: 65_000,
  }),
};
