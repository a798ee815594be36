/**
 * Every setting of a node, written down once. Types, flags, environment variables, the names in a settings file, help,
 * `kvorum config`, refusals, what `up` and `bench --up` pass on, and docs/settings.md are all made from this table.
 *
 * To add a setting, add its entry; nothing else lists it:
 *
 *     logSegmentBytes: size({
 *       why: 'Size of one segment of the log',                  // what it is for, or what it bounds
 *       choose: 'Larger where checkpoints cannot keep up',      // how to choose it
 *       neededBy: 'worker',                                     // then it is in WorkerSettings
 *       range: [MIB, GIB],
 *       atLeast: [{ of: 'valueBytesMax', plusBytes: 64 * KIB }],
 *       default: 64 * MIB,
 *     }),
 *
 * makes `--log-segment-bytes`, `KVORUM_LOG_SEGMENT_BYTES`, "logSegmentBytes" in a file, and
 * `WorkerSettings.logSegmentBytes`. Then write the documents again:
 * `node dist/src/cli/main.js config --output markdown > docs/settings.md`. A default that follows from other settings is a
 * function of them, with `defaultWords` for help; a bound between settings is `atLeast` or `check`. What can be followed is
 * listed in `Others` of kinds.ts. A setting that goes away leaves a line in `goneSettings`.
 *
 * The bounds are there so that a wrong digit is refused at start instead of met as a crash under load.
 */
import { GIB, KIB, MIB } from '../domain/units.ts';
import { dispatches, durabilities, modes, peerProtocols } from '../domain/modes.ts';
import { logLevels } from '../diagnostics/log.ts';
import { choice, duration, integer, list, optionalText, size, text, toggle, type Others } from './kinds.ts';

/** Client port of a node that is told neither its port nor its URL. */
export const defaultPort = 8080;

/** What an operation's frame needs besides the value: key, version, quorum, and the frame's own head. */
const frameHeadroomBytes = 64 * KIB;

const inModeSync = ({ mode }: Others): string | undefined => (mode === 'sync' ? 'mode sync' : undefined);

export const entries = {
  port: integer({
    why: 'Port that clients talk to',
    choose: 'Leave it unset where --self names it; give it where a proxy in front of the node has the port of --self',
    neededBy: 'node',
    isPerNode: true,
    range: [0, 65_535],
    minMeans: 'any free one',
    default: ({ selfAsGiven }) => portOf(selfAsGiven) ?? defaultPort,
    defaultWords: `the port of --self, else ${defaultPort}`,
    defaultNote: ({ selfAsGiven }) => (selfAsGiven === undefined ? undefined : 'the port of --self'),
  }),
  self: text({
    why: "This node's own URL, spelled as in --cluster; peers reach the node by it",
    choose: 'A name or address that every other node can reach',
    neededBy: 'node',
    isPerNode: true,
    placeholder: 'URL',
    bounds: 'one of --cluster',
    default: ({ port }) => `http://localhost:${port}`,
    defaultWords: 'http://localhost:PORT',
  }),
  cluster: list({
    why: 'URLs of all nodes, this one included, the same list on each node',
    choose: 'Three nodes or more, so that a quorum is left when one is gone; their order does not matter',
    neededBy: 'node',
    isPerNode: true,
    placeholder: 'URL,URL,...',
    bounds: '1 to 64 URLs',
    default: ({ self }) => [self],
    defaultWords: '--self alone',
    defaultNote: () => '--self alone',
  }),
  dataDirectory: text({
    flag: 'data',
    why: 'Directory of the store; it belongs to one node only',
    choose: 'A directory on a local disk, not on a network file system',
    neededBy: 'both',
    isPerNode: true,
    placeholder: 'DIR',
    // By port, so that two nodes started with defaults on one machine do not meet in one directory.
    default: ({ port }) => `data/${port}`,
    defaultWords: 'data/PORT',
  }),
  host: optionalText({
    why: 'Address to listen on; unset: loopback if --self is a loopback name, else all interfaces',
    choose: 'One address where a machine has several and only one of them is for the cluster and its clients',
    neededBy: 'both',
    placeholder: 'ADDRESS',
    default: undefined,
    defaultWords: 'chosen from --self',
    defaultNote: () => 'chosen from --self',
  }),
  allowedHosts: list({
    why: 'Names that clients may use for a node besides loopback and its own; where it is set, and on loopback, others get 421',
    choose: 'The names under which proxies in front of the node pass on requests; pages of these names may write',
    neededBy: 'node',
    placeholder: 'NAME,NAME,...',
    bounds: 'names without ports',
    default: [],
    defaultWords: 'none',
  }),
  mode: choice({
    why: 'How replicas are asked: one after another, all at once, or all at once with operations put together',
    choose: 'batched; sync and async are the two shapes of the Java study, for comparison',
    neededBy: 'both',
    of: modes,
    default: 'batched',
  }),
  durability: choice({
    why: 'When a write is acknowledged: on disk, or committed to memory that survives the process but not a power loss',
    choose: 'fsync; commit where the replicas do not lose power together and speed is worth the risk',
    neededBy: 'both',
    of: durabilities,
    default: 'fsync',
  }),
  workers: integer({
    why: 'Worker threads for storage and replication',
    choose:
      'More than one where a worker thread is busy all the time and cores are idle; in mode sync one for each request at a time',
    neededBy: 'both',
    unit: 'threads',
    range: [1, 64],
    // Mode sync holds a thread for the length of a request, as the Java study did with its pool of 2 to 3.
    default: ({ mode, dispatch }) => (mode === 'sync' && dispatch === 'pool' ? 3 : 1),
    defaultWords: '1 (mode sync: 3)',
    defaultNote: (others) => (others.dispatch === 'inline' ? 'dispatch inline' : inModeSync(others)),
    check: (workers, { dispatch }) =>
      dispatch === 'inline' && workers > 1 ? '--dispatch inline runs one worker, on the main thread' : undefined,
  }),
  dispatch: choice({
    why: 'Where the workers run: in a pool of threads, or, for profilers that see one thread, inline on the main thread',
    choose: 'pool; inline only under a profiler',
    neededBy: 'node',
    of: dispatches,
    default: 'pool',
  }),
  replicaPort: integer({
    why: 'First port for peers, one for each worker thread; fix it where a firewall stands between nodes',
    choose: '0, or a port with as many free ones behind it as there are workers',
    neededBy: 'worker',
    range: [0, 65_535],
    minMeans: 'any free ones',
    default: 0,
    check: replicaPortProblem,
  }),
  replicationFactor: integer({
    why: 'Copies of a record where a request does not say "from"',
    choose: '3 in clusters of more than three nodes; the same on each node',
    neededBy: 'both',
    unit: 'nodes',
    range: [0, 64],
    minMeans: 'all nodes',
    default: 0,
    check: (factor, { cluster: { length } }) =>
      factor > length ? `--cluster has only ${length} node${length === 1 ? '' : 's'}` : undefined,
  }),
  clusterSecret: text({
    why: 'Proves to peers that this node belongs to the cluster; give it by environment, flags show in process lists',
    choose: 'A long random text, the same on each node; kvorum up makes one',
    neededBy: 'both',
    isSecret: true,
    placeholder: 'TEXT',
    default: '',
  }),
  insecure: toggle({
    why: 'Listen beyond loopback without a cluster secret, so that any machine that reaches the node can act as its peer',
    choose: 'Off; on only where every machine that reaches the node is trusted',
    neededBy: 'node',
    default: false,
  }),
  timeoutMs: duration({
    why: 'Time a request has to reach its quorum before it is answered 504',
    choose: "Longer than a healthy replica's longest pause, shorter than what your clients wait for",
    neededBy: 'worker',
    range: [1, 60_000],
    default: 1000,
  }),
  operationsInFlightMax: integer({
    why: 'Requests admitted and not yet answered; past it 503',
    choose: 'More than requests a second times seconds of latency: 6,000/s of 50 ms are 300',
    neededBy: 'node',
    unit: 'requests',
    range: [1, 1_000_000],
    default: 4096,
  }),
  poolQueueMax: integer({
    why: 'Tasks waiting for a worker thread; past it 503',
    choose: 'In mode sync a task is a request: as many as can be answered in the time that one may wait',
    neededBy: 'node',
    unit: 'tasks',
    range: [1, 1_000_000],
    default: ({ mode }) => (mode === 'sync' ? 128 : 1024),
    defaultWords: '1024 (mode sync: 128)',
    defaultNote: inModeSync,
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
  bodyBytesInFlightMax: size({
    why: 'Bytes of request bodies that have come and are not yet answered, together; past it 503',
    choose: 'How much memory writes may take: the largest value times the clients that send one at the same time',
    neededBy: 'node',
    range: [1, 64 * GIB],
    atLeast: [{ of: 'valueBytesMax' }],
    default: 256 * MIB,
  }),
  answerBytesInFlightMax: size({
    why: 'Bytes of values above 16KiB that clients have asked for and not taken yet, together; past it 503',
    choose: 'How much memory reads may take: the largest value times the clients that read one at the same time',
    neededBy: 'node',
    range: [1, 64 * GIB],
    atLeast: [{ of: 'valueBytesMax' }],
    default: 256 * MIB,
  }),
  bodyBytesPerSecondMin: size({
    why: 'Slowest rate of a client; below it for 30 s a body gets 408, and for --keep-alive-ms an answer is cut',
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
  frameBytesMax: size({
    why: 'Longest request that a peer may send or be sent',
    choose: 'The same on each node; larger only where values are',
    neededBy: 'worker',
    range: [64 * KIB, GIB],
    atLeast: [{ of: 'valueBytesMax', plusBytes: frameHeadroomBytes }, { of: 'batchBytesMax' }],
    default: 64 * MIB,
  }),
  batchBytesMax: size({
    why: 'Operations for a peer are put together into one request up to this size',
    choose: 'Leave it; a larger batch keeps the small operations behind it waiting longer',
    neededBy: 'worker',
    range: [1, 64 * MIB],
    default: 256 * KIB,
  }),
  peerBatchesInFlightMax: integer({
    why: 'Requests to one peer and not yet answered, of each worker thread in mode batched; few make big batches',
    choose: '2: one is carried out while the next is on its way; more where peers are far apart',
    neededBy: 'worker',
    unit: 'requests',
    range: [1, 1024],
    default: 2,
  }),
  peerProtocol: choice({
    why: 'How operations reach a peer: over one link that is written to once a turn, or in an HTTP request a batch',
    choose: 'link; http is for comparison with the Java study, which asked its replicas so',
    neededBy: 'worker',
    of: peerProtocols,
    // The other modes are the shapes of the Java study.
    default: ({ mode }) => (mode === 'batched' ? 'link' : 'http'),
    defaultWords: 'link (modes sync, async: http)',
    defaultNote: ({ mode }) => (mode === 'batched' ? undefined : `mode ${mode}`),
  }),
  peerConnectionsMax: integer({
    why: 'Connections from one worker thread to one peer',
    choose: 'In modes sync and async, or with --peer-protocol http, as many requests as one peer should get at once',
    neededBy: 'worker',
    unit: 'sockets',
    range: [1, 4096],
    default: 64,
  }),
  peerQueueBytesMax: size({
    why: 'Operations waiting for one peer, more than may be in flight; past it they fail at once for that peer',
    choose: 'How much memory one slow peer may take',
    neededBy: 'worker',
    range: [64 * KIB, 128 * GIB],
    atLeast: [{ of: 'bodyBytesInFlightMax', plusBytes: frameHeadroomBytes }],
    default: 512 * MIB,
  }),
  storeBytesMax: size({
    why: 'Bound of what the store holds; twice as much address space is reserved; a full store answers 507',
    choose: 'As much of the disk as the store may fill; less where address space is limited (ulimit -v)',
    neededBy: 'worker',
    range: [MIB, 32_768 * GIB],
    atLeast: [{ of: 'valueBytesMax' }],
    default: 256 * GIB,
  }),
  logSegmentBytes: size({
    why: 'Size of one file of the write-ahead log; when it is full its records go to the store, in the order of keys',
    choose: 'Larger where many writes go to few keys, or the store is slow; a start has more to replay then',
    neededBy: 'worker',
    range: [MIB, GIB],
    default: 8 * MIB,
  }),
  memtableBytesMax: size({
    why: 'Log files of one worker that are not in the store yet, together, and as much memory; past it writes slow down, then 503',
    choose: 'At least twice --log-segment-bytes; more takes longer to replay at a start',
    neededBy: 'worker',
    range: [2 * MIB, 16 * GIB],
    default: ({ logSegmentBytes }) => 3 * logSegmentBytes,
    defaultWords: '24MiB: 3 times --log-segment-bytes',
    check: (bytes, { logSegmentBytes }) =>
      bytes < 2 * logSegmentBytes ? `must hold at least two files of the log, 2 x ${logSegmentBytes} bytes` : undefined,
  }),
  acceptLogDamage: toggle({
    why: 'Start although records in the log that were on the disk cannot be read any more, and give those up',
    choose: 'Off; on for one start, where the node cannot be refilled by its peers',
    neededBy: 'worker',
    default: false,
  }),
  clockDriftMsMax: duration({
    why: 'A version further in the future than this is refused, so that one wrong clock cannot hide later writes',
    choose: 'More than the clocks of your nodes may ever differ, the same on each node',
    neededBy: 'both',
    range: [1, 86_400_000],
    default: 60_000,
  }),
  readRepair: toggle({
    why: 'Send the newest record to replicas that a read found stale',
    choose: 'Leave it on; off keeps replicas as they are while you look at them',
    neededBy: 'worker',
    default: true,
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
  profileMsMax: duration({
    why: 'How long a recording of the profiler may last; one that nobody stops ends by itself and is thrown away',
    choose: 'Longer than --duration of your kvorum profile runs',
    neededBy: 'node',
    range: [1, 3_600_000],
    default: 120_000,
  }),
  logLevel: choice({
    why: 'Least important level that is logged to stderr',
    choose: 'info; debug while you look for something',
    neededBy: 'node',
    of: logLevels,
    default: 'info',
  }),
  drainMsMax: duration({
    why: 'How long a stopping node waits for requests in flight',
    choose: 'Longer than --timeout-ms, and 3 s shorter than what stops the node waits before it kills it',
    neededBy: 'node',
    range: [0, 600_000],
    default: 1500,
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

/**
 * Settings that went away, by name: why, and what to do instead, as the end of `Option "--trust-store" is gone: ...`. One
 * that is still given is refused with that word, since a node that ignored it would not do what was asked.
 */
export const goneSettings: Readonly<Record<string, string>> = {
  mapWrites: 'writes go to a log first, and LMDB is never written through memory',
  trustStore: 'the log keeps a store of durability "commit" whole when the machine goes down',
};

/** A node that is told only its URL listens on that URL's port. */
function portOf(url: string | undefined): number | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { port } = new URL(url);
  return port === '' ? 80 : Number(port);
}

function replicaPortProblem(first: number, { workers, port }: Others): string | undefined {
  const last = first + workers - 1;
  if (first === 0) return undefined;
  if (last > 65_535) return `${workers} workers need ports up to ${last}`;
  return port >= first && port <= last ? `ports ${first} to ${last} include --port ${port}` : undefined;
}
