/**
 * The parts that cost is attributed to, and which code belongs to which part: the one table that turns a stack into a
 * part of the system.
 *
 * A sample belongs to the part of the nearest frame, from the leaf to the root, that the table knows; frames that it
 * does not know (Node's own modules, native code, small helpers) belong to whoever called them. What nobody of ours
 * called is `node-internals`: the event loop, sockets, the compiler.
 *
 * The longest prefix wins. There is no row for `src/`, `workers/` or `src/domain/` as a whole, so that a new file without
 * a part is seen: test/profiling/attribution/categories.test.ts fails.
 */

export const categoryTitles = {
  'http-front': 'HTTP front',
  'parse-admit': 'Parse and admit',
  dispatch: 'Dispatch and message passing',
  codec: 'Frame codec',
  coordination: 'Coordination',
  'http-client': 'Client between nodes',
  'replica-listener': 'Replica listener',
  storage: 'Storage',
  metrics: 'Metrics and logs',
  lifecycle: 'Start, settings and stop',
  gc: 'GC',
  // Apart from Node's internals, since it says whether the nodes were warm when they were looked at.
  compiler: 'V8 compiler',
  'node-internals': 'Node internals',
  unattributed: 'Unattributed',
  profiler: 'The profiler itself',
  idle: 'Idle',
} as const;

export type Category = keyof typeof categoryTitles;
export const categories = Object.keys(categoryTitles) as readonly Category[];

/** Not work of the node: left out before shares are made. */
export function isOutsideWork(part: Category | undefined): boolean {
  return part === 'idle' || part === 'profiler';
}

/** What the study calls replication: counting replies, asking peers, and answering them. */
export const replicationParts: readonly Category[] = ['coordination', 'http-client', 'replica-listener'];

/** A part, or the part of whoever called. */
export type Owner = Category | 'caller';

/** Paths from the root of the project; a path that ends neither in a slash nor in `.ts` is the beginning of names. */
export const projectTable: readonly (readonly [prefix: string, owner: Owner])[] = [
  ['src/http/', 'http-front'],
  ['src/http/head.ts', 'parse-admit'],
  ['src/http/query', 'parse-admit'],
  ['src/http/range-query.ts', 'parse-admit'],
  ['src/http/entity.ts', 'parse-admit'],
  ['src/http/token-guard.ts', 'parse-admit'],
  ['src/http/admin.ts', 'metrics'],
  ['src/http/request-metrics.ts', 'metrics'],
  ['src/http/profile.ts', 'profiler'],
  ['src/dispatch/', 'dispatch'],
  ['src/formats/frame.ts', 'codec'],
  ['src/formats/faults.ts', 'codec'],
  ['src/formats/backup.ts', 'codec'],
  ['src/formats/link-message.ts', 'codec'],
  ['src/formats/sender.ts', 'codec'],
  ['src/formats/peer-entry.ts', 'codec'],
  ['src/formats/peer-handshake.ts', 'lifecycle'],
  ['src/formats/record.ts', 'codec'],
  ['src/formats/crc.ts', 'codec'],
  ['src/formats/large-head.ts', 'codec'],
  ['src/formats/log.ts', 'storage'],
  ['src/formats/hint.ts', 'storage'],
  ['src/formats/reply.ts', 'codec'],
  ['src/formats/range-entries.ts', 'codec'],
  ['src/formats/json-text.ts', 'codec'],
  ['src/formats/range-format.ts', 'codec'],
  ['src/formats/range-bounds.ts', 'codec'],
  ['src/formats/owner-range.ts', 'codec'],
  ['src/formats/digest-messages.ts', 'codec'],
  ['src/domain/merge.ts', 'codec'],
  ['src/domain/quorum.ts', 'coordination'],
  ['src/domain/quorum-health.ts', 'metrics'],
  ['src/domain/inspection.ts', 'coordination'],
  ['src/domain/rendezvous.ts', 'coordination'],
  ['src/domain/owners.ts', 'coordination'],
  ['src/domain/digests.ts', 'storage'],
  ['src/domain/sharing.ts', 'storage'],
  ['src/domain/comparison.ts', 'coordination'],
  ['src/domain/mending.ts', 'coordination'],
  ['src/domain/recovery.ts', 'coordination'],
  ['src/domain/hints.ts', 'coordination'],
  ['src/domain/purge.ts', 'storage'],
  ['src/domain/surplus.ts', 'storage'],
  ['src/domain/resolution.ts', 'coordination'],
  ['src/domain/standing.ts', 'lifecycle'],
  ['src/domain/claim.ts', 'lifecycle'],
  ['src/domain/node-claim.ts', 'lifecycle'],
  ['src/domain/topology.ts', 'coordination'],
  ['src/domain/version.ts', 'coordination'],
  ['src/domain/clock-offsets.ts', 'lifecycle'],
  ['src/domain/range-merge.ts', 'coordination'],
  ['src/domain/cluster-proof.ts', 'lifecycle'],
  ['src/domain/profile-proof.ts', 'lifecycle'],
  ['src/domain/key.ts', 'parse-admit'],
  ['src/domain/admission.ts', 'parse-admit'],
  ['src/domain/tokens.ts', 'parse-admit'],
  ['src/formats/der.ts', 'lifecycle'],
  ['src/tls/', 'lifecycle'],
  ['src/metrics/', 'metrics'],
  ['src/waits/', 'profiler'],
  ['src/protocol/', 'dispatch'],
  ['src/diagnostics/errors.ts', 'caller'],
  ['src/formats/foreign-json.ts', 'caller'],
  ['src/formats/codes.ts', 'caller'],
  ['src/domain/outcome.ts', 'caller'],
  ['src/domain/modes.ts', 'caller'],
  ['src/domain/range.ts', 'caller'],
  ['src/domain/steps.ts', 'caller'],
  ['src/domain/turn-share.ts', 'caller'],
  // It calls the peers' flush and the replica's run, and the dispatcher's, which have parts of their own.
  ['src/domain/turn.ts', 'coordination'],
  ['src/domain/units.ts', 'caller'],
  ['src/cli/', 'lifecycle'],
  ['src/client/', 'lifecycle'],
  ['src/settings/', 'lifecycle'],
  ['src/child-environment.ts', 'lifecycle'],
  ['src/diagnostics/nearest.ts', 'lifecycle'],
  ['src/data-directory.ts', 'lifecycle'],
  ['src/node-standing.ts', 'lifecycle'],
  ['src/standing-link.ts', 'lifecycle'],
  ['src/repair-link.ts', 'lifecycle'],
  ['src/store-state.ts', 'lifecycle'],
  ['src/directory-lock.ts', 'lifecycle'],
  ['src/fs-native-extensions.d.ts', 'lifecycle'],
  ['src/clock-watch.ts', 'lifecycle'],
  ['src/files/durable.ts', 'storage'],
  ['src/files/', 'lifecycle'],
  ['src/version-bound.ts', 'lifecycle'],
  ['src/node-time.ts', 'lifecycle'],
  ['src/node-settings.ts', 'lifecycle'],
  ['src/node-metrics.ts', 'metrics'],
  ['src/console/', 'metrics'],
  ['src/start-node.ts', 'lifecycle'],
  ['src/operating.ts', 'lifecycle'],
  ['src/free-ports.ts', 'lifecycle'],
  ['src/resource-limits.ts', 'lifecycle'],
  ['src/bind-address.ts', 'lifecycle'],
  ['src/node-security.ts', 'lifecycle'],
  ['src/diagnostics/version.ts', 'lifecycle'],
  // Its callback answers an operation: the rest of it runs at start and stop.
  ['src/node.ts', 'http-front'],
  ['src/diagnostics/log.ts', 'metrics'],
  ['src/diagnostics/seldom.ts', 'metrics'],
  ['src/status.ts', 'metrics'],
  ['src/status/', 'metrics'],
  ['src/store-facts.ts', 'metrics'],
  ['src/profiler.ts', 'profiler'],
  ['profiling/', 'profiler'],
  // Its functions hand tasks, outcomes and commands between the threads.
  ['workers/entry.ts', 'dispatch'],
  ['workers/worker.ts', 'dispatch'],
  ['workers/shell.ts', 'dispatch'],
  ['workers/node-peers.ts', 'lifecycle'],
  ['workers/node-ranges.ts', 'lifecycle'],
  ['workers/node-repair.ts', 'lifecycle'],
  ['workers/node-purges.ts', 'lifecycle'],
  ['workers/inline.ts', 'dispatch'],
  ['workers/recovery/', 'coordination'],
  ['workers/repair/', 'coordination'],
  ['workers/ground/time.ts', 'coordination'],
  ['workers/ground/siblings.ts', 'dispatch'],
  ['workers/ground/pace.ts', 'caller'],
  ['workers/ground/range-source.ts', 'storage'],
  ['workers/ground/frame-sender.ts', 'coordination'],
  ['workers/ground/seen-versions.ts', 'coordination'],
  ['workers/ground/standing.ts', 'coordination'],
  ['workers/peers/peer-clocks.ts', 'lifecycle'],
  ['workers/ground/semaphore.ts', 'caller'],
  ['workers/coordinator/', 'coordination'],
  ['workers/peers/', 'http-client'],
  // Both ends of a link: whoever sends over it.
  ['workers/peers/link.ts', 'caller'],
  ['workers/replica/', 'replica-listener'],
  ['workers/replica/local-replica.ts', 'storage'],
  ['workers/store/', 'storage'],
  ['workers/ranges/', 'storage'],
  ['workers/ranges/metrics.ts', 'metrics'],
  ['workers/report.ts', 'metrics'],
  ['workers/wait', 'profiler'],
];

/** Packages, by the part that they do the work of. */
export const packageTable: Readonly<Record<string, Owner>> = {
  undici: 'http-client',
  lmdb: 'storage',
  msgpackr: 'storage',
  'ordered-binary': 'storage',
  'weak-lru-cache': 'storage',
  piscina: 'dispatch',
};

/**
 * Modules of Node that serve one part only: `node:http` is there for the replica port (the client port has a front of its
 * own, the client is undici; a link is neither), the worker modules for messages between threads. All others belong to their callers.
 */
export const nodeTable: readonly (readonly [prefix: string, owner: Owner])[] = [
  ['node:_http_', 'replica-listener'],
  ['node:internal/http', 'replica-listener'],
  ['node:http', 'replica-listener'],
  ['node:http2', 'caller'],
  ['node:internal/http2', 'caller'],
  ['node:internal/per_context/messageport', 'dispatch'],
  ['node:internal/worker', 'dispatch'],
  ['node:worker_threads', 'dispatch'],
  ['node:inspector', 'profiler'],
  ['node:internal/util/inspector', 'profiler'],
];

/** Names that V8 gives to what is no function. */
export const v8Table: Readonly<Record<string, Owner>> = {
  '(garbage collector)': 'gc',
  '(BYTECODE_COMPILER)': 'compiler',
  '(COMPILER)': 'compiler',
  '(PARSER)': 'compiler',
  '(idle)': 'idle',
};

/** Native symbols, as perf shows them, by pattern; the first that fits. All others belong to their callers. */
export const nativeTable: readonly (readonly [pattern: RegExp, owner: Owner])[] = [
  [/^(?:mdb_|midl_|lmdb)|(?:^|::)(?:EnvWrap|DbiWrap|TxnWrap|CursorWrap|WriteWorker)(?:::|$)/, 'storage'],
  [
    /v8::internal::(?:Heap::|Scavenge|Scavenger|MarkCompact|Mark(?:ing|er)|ConcurrentMarking|IncrementalMarking|Sweeper|GCTracer|ArrayBufferSweeper|MinorMarkCompact|Evacuat|GlobalHandles::|LocalHeap::|(?:Young|Old)Generation|Pag(?:ed|e)[A-Za-z]*Evacuat|Safepoint|RootVisitor|HeapVisitor|Worklist|MemoryAllocator|Unmapper|cppgc)|^(?:cppgc::|heap::base)/,
    'gc',
  ],
  [
    /^node::inspector::|^v8_inspector::|v8::internal::(?:CpuProfile|SamplingEventsProcessor|ProfilerEventsProcessor|SamplingHeapProfiler|sampler)|^v8::sampler::|^v8::CpuProfiler/,
    'profiler',
  ],
  [
    /v8::internal::(?:compiler::|maglev::|baseline::|turboshaft::|OptimizingCompileDispatcher|OptimizedCompilation|Compiler::|interpreter::(?:Interpreter|Bytecode)|parsing::|Parser|PreParser|LazyCompile)|Builtins_CompileLazy/,
    'compiler',
  ],
  // Not all of `node::worker::`: `Worker::Run` is at the root of everything that a worker does.
  [/^node::worker::Message/, 'dispatch'],
];

/** Functions of the kernel, by pattern: files are written by the storage alone. All others belong to their callers. */
export const kernelTable: readonly (readonly [pattern: RegExp, owner: Owner])[] = [
  [
    /^(?:ext4_|jbd2_|xfs_|btrfs_|f2fs_|do_fsync|vfs_fsync|file_write_and_wait|filemap_fdatawrite|__x64_sys_f(?:data)?sync)/,
    'storage',
  ],
];

/** Shared objects, by part of their path. */
export const objectTable: readonly (readonly [part: string, owner: Owner])[] = [
  ['lmdb', 'storage'],
  ['msgpackr', 'storage'],
];
