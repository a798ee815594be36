/**
 * Every setting of a node, once: flag, environment variable, kind, default, bound and what it is for. Help,
 * `kvorum config`, refusals and the documentation are all made from this table.
 *
 * The bounds are there so that a wrong digit is refused at start instead of met as a crash under load; how they relate
 * to each other is asserted in config.ts.
 */
import { GIB, KIB, MIB } from '../domain/units.ts';
import {
  dispatches,
  durabilities,
  logLevels,
  modes,
  peerProtocols,
  type Dispatch,
  type Durability,
  type LogLevel,
  type Mode,
  type PeerProtocol,
} from '../formats/worker-protocol.ts';
import {
  choice,
  duration,
  integer,
  list,
  optionalText,
  size,
  text,
  toggle,
  type DefaultsContext,
  type Setting,
} from './kinds.ts';

export interface NodeSettings {
  /** undefined: chosen from `self`; loopback names bind the loopback address, others all interfaces. */
  readonly host: string | undefined;
  readonly port: number;
  readonly self: string;
  readonly cluster: readonly string[];
  readonly dataDirectory: string;
  readonly mode: Mode;
  readonly durability: Durability;
  readonly workers: number;
  readonly dispatch: Dispatch;
  /** 0: the system chooses. Worker i listens on `replicaPort + i`. */
  readonly replicaPort: number;
  /** Default of `from`; 0: all nodes. */
  readonly replicationFactor: number;
  readonly clusterSecret: string;
  readonly timeoutMs: number;
  readonly operationsInFlightMax: number;
  readonly poolQueueMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly bodyBytesInFlightMax: number;
  readonly answerBytesInFlightMax: number;
  readonly connectionsMax: number;
  readonly frameBytesMax: number;
  readonly batchBytesMax: number;
  readonly peerBatchesInFlightMax: number;
  readonly peerProtocol: PeerProtocol;
  readonly peerConnectionsMax: number;
  readonly peerQueueBytesMax: number;
  readonly storeBytesMax: number;
  readonly mapWrites: boolean;
  readonly clockDriftMsMax: number;
  readonly readRepair: boolean;
  readonly rangesMax: number;
  readonly rangeMsMax: number;
  readonly profileMsMax: number;
  readonly trustStore: boolean;
  readonly logLevel: LogLevel;
  readonly drainMsMax: number;
  readonly keepAliveMs: number;
}

export type SettingName = keyof NodeSettings;
export type SettingsTable = { readonly [Name in SettingName]: Setting<NodeSettings[Name]> };

/** Client port of a node that is told neither its port nor its URL. */
export const defaultPort = 8080;

const inModeSync = ({ mode }: DefaultsContext): string | undefined => (mode === 'sync' ? 'mode sync' : undefined);

export const settingsTable: SettingsTable = {
  port: integer({
    flag: 'port',
    why: 'Port that clients talk to',
    min: 0,
    max: 65_535,
    minMeans: 'any free one',
    default: ({ port }) => port,
    defaultNote: ({ port }) => (port === defaultPort ? undefined : 'the port of --self'),
  }),
  self: text({
    flag: 'self',
    placeholder: 'URL',
    bounds: 'one of --cluster',
    why: "This node's own URL, spelled as in --cluster; peers reach the node by it",
    default: ({ port }) => `http://localhost:${port}`,
  }),
  cluster: list({
    flag: 'cluster',
    placeholder: 'URL,URL,...',
    bounds: '1 to 64 URLs',
    why: 'URLs of all nodes, this one included, the same list on each node',
    default: ({ self }) => [self],
    defaultNote: () => '--self alone',
  }),
  dataDirectory: text({
    flag: 'data',
    placeholder: 'DIR',
    why: 'Directory of the store; it belongs to one node only',
    // By port, so that two nodes started with defaults on one machine do not meet in one directory.
    default: ({ port }) => `data/${port}`,
  }),
  host: optionalText({
    flag: 'host',
    placeholder: 'ADDRESS',
    why: 'Address to listen on; unset: loopback if --self is a loopback name, else all interfaces',
    default: undefined,
    defaultNote: () => 'chosen from --self',
  }),
  mode: choice({
    flag: 'mode',
    why: 'How replicas are asked: one after another, all at once, or all at once with operations put together',
    of: modes,
    default: 'batched',
  }),
  durability: choice({
    flag: 'durability',
    why: 'When a write is acknowledged: on disk, or committed to memory that survives the process but not a power loss',
    of: durabilities,
    default: 'fsync',
  }),
  workers: integer({
    flag: 'workers',
    why: 'Worker threads for storage and replication',
    unit: 'threads',
    min: 1,
    max: 64,
    // Mode sync holds a thread for the length of a request, as the Java study did with its pool of 2 to 3.
    default: ({ mode, dispatch }) => (mode === 'sync' && dispatch === 'pool' ? 3 : 1),
    defaultNote: (context) => (context.dispatch === 'inline' ? 'dispatch inline' : inModeSync(context)),
  }),
  dispatch: choice({
    flag: 'dispatch',
    why: 'Where the workers run: in a pool of threads, or, for profilers that see one thread, inline on the main thread',
    of: dispatches,
    default: 'pool',
  }),
  replicaPort: integer({
    flag: 'replica-port',
    why: 'First port for peers, one for each worker thread; fix it where a firewall stands between nodes',
    min: 0,
    max: 65_535,
    minMeans: 'any free ones',
    default: 0,
  }),
  replicationFactor: integer({
    flag: 'replication-factor',
    why: 'Copies of a record where a request does not say "from"',
    unit: 'nodes',
    min: 0,
    max: 64,
    minMeans: 'all nodes',
    default: 0,
  }),
  clusterSecret: text({
    flag: 'cluster-secret',
    placeholder: 'TEXT',
    why: 'Proves to peers that this node belongs to the cluster; give it by environment, flags show in process lists',
    isSecret: true,
    default: '',
  }),
  timeoutMs: duration({
    flag: 'timeout-ms',
    why: 'Time a request has to reach its quorum before it is answered 504',
    min: 1,
    max: 60_000,
    default: 1000,
  }),
  operationsInFlightMax: integer({
    flag: 'operations-in-flight-max',
    why: 'Requests admitted and not yet answered; past it 503',
    unit: 'requests',
    min: 1,
    max: 1_000_000,
    default: 4096,
  }),
  poolQueueMax: integer({
    flag: 'pool-queue-max',
    why: 'Tasks waiting for a worker thread; past it 503',
    unit: 'tasks',
    min: 1,
    max: 1_000_000,
    default: ({ mode }) => (mode === 'sync' ? 128 : 1024),
    defaultNote: inModeSync,
  }),
  keyBytesMax: size({
    flag: 'key-bytes-max',
    why: 'Longest key; the store itself ends at 1978 bytes',
    min: 1,
    max: 1900,
    default: KIB,
  }),
  valueBytesMax: size({
    flag: 'value-bytes-max',
    why: 'Longest value; past it 413',
    min: 1,
    max: 256 * MIB,
    default: 16 * MIB,
  }),
  bodyBytesInFlightMax: size({
    flag: 'body-bytes-in-flight-max',
    why: 'Request bodies being received or not yet answered, together; past it 503',
    min: 1,
    max: 64 * GIB,
    default: 256 * MIB,
  }),
  answerBytesInFlightMax: size({
    flag: 'answer-bytes-in-flight-max',
    why: 'Values above 16KiB that clients have asked for and not read yet, together; past it 503',
    min: 1,
    max: 64 * GIB,
    default: 256 * MIB,
  }),
  connectionsMax: integer({
    flag: 'connections-max',
    why: 'Client connections; past it new ones are closed',
    unit: 'sockets',
    min: 1,
    max: 1_000_000,
    default: 10_000,
  }),
  frameBytesMax: size({
    flag: 'frame-bytes-max',
    why: 'Longest request that a peer may send or be sent',
    min: 64 * KIB,
    max: GIB,
    default: 64 * MIB,
  }),
  batchBytesMax: size({
    flag: 'batch-bytes-max',
    why: 'Operations for a peer are put together into one request up to this size',
    min: 1,
    max: 64 * MIB,
    default: 256 * KIB,
  }),
  peerBatchesInFlightMax: integer({
    flag: 'peer-batches-in-flight-max',
    why: 'Requests to one peer and not yet answered, of each worker thread in mode batched; few make big batches',
    unit: 'requests',
    min: 1,
    max: 1024,
    default: 2,
  }),
  peerProtocol: choice({
    flag: 'peer-protocol',
    why: 'How operations reach a peer: over one link that is written to once a turn, or in an HTTP request a batch',
    of: peerProtocols,
    // The other modes are the shapes of the Java study, which asked its replicas by HTTP.
    default: ({ mode }) => (mode === 'batched' ? 'link' : 'http'),
    defaultNote: ({ mode }) => (mode === 'batched' ? undefined : `mode ${mode}`),
  }),
  peerConnectionsMax: integer({
    flag: 'peer-connections-max',
    why: 'Connections from one worker thread to one peer',
    unit: 'sockets',
    min: 1,
    max: 4096,
    default: 64,
  }),
  peerQueueBytesMax: size({
    flag: 'peer-queue-bytes-max',
    why: 'Operations waiting for one peer, more than may be in flight; past it they fail at once for that peer',
    min: 64 * KIB,
    max: 128 * GIB,
    default: 512 * MIB,
  }),
  storeBytesMax: size({
    flag: 'store-bytes-max',
    why: "Bound of the store's file, reserved as address space only; a full store answers 507",
    min: MIB,
    max: 32_768 * GIB,
    default: 256 * GIB,
  }),
  mapWrites: toggle({
    flag: 'map-writes',
    why: 'Write to the store through memory: durability "commit", one worker, on ext4, XFS and tmpfs; else it is ignored',
    default: true,
  }),
  clockDriftMsMax: duration({
    flag: 'clock-drift-ms-max',
    why: 'A version further in the future than this is refused, so that one wrong clock cannot hide later writes',
    min: 1,
    max: 86_400_000,
    default: 60_000,
  }),
  readRepair: toggle({
    flag: 'read-repair',
    why: 'Send the newest record to replicas that a read found stale',
    default: true,
  }),
  rangesMax: integer({
    flag: 'ranges-max',
    why: 'Range queries answered at once; past it 503',
    unit: 'requests',
    min: 1,
    max: 128,
    default: 16,
  }),
  rangeMsMax: duration({
    flag: 'range-ms-max',
    why: 'How long a range query may take; while one reads, the store keeps what it sees and grows',
    min: 1,
    max: 86_400_000,
    default: 300_000,
  }),
  profileMsMax: duration({
    flag: 'profile-ms-max',
    why: 'How long a recording of the profiler may last; one that nobody stops ends by itself and is thrown away',
    min: 1,
    max: 3_600_000,
    default: 120_000,
  }),
  trustStore: toggle({
    flag: 'trust-store',
    why: 'Open a store of durability "commit" although the machine went down under it',
    default: false,
  }),
  logLevel: choice({
    flag: 'log-level',
    why: 'Least important level that is logged to stderr',
    of: logLevels,
    default: 'info',
  }),
  drainMsMax: duration({
    flag: 'drain-ms-max',
    why: 'How long a stopping node waits for requests in flight',
    min: 0,
    max: 600_000,
    default: 1500,
  }),
  keepAliveMs: duration({
    flag: 'keep-alive-ms',
    why: 'How long an idle client connection stays open',
    min: 1,
    max: 3_600_000,
    default: 65_000,
  }),
};
