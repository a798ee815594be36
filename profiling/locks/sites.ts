/**
 * What a futex wait was about: contention or idleness, whose lock, and which kind of thread waited. Decided by the
 * futex's operation and the symbols on the stack, from leaf to root.
 *
 * glibc's mutexes wait with FUTEX_WAIT, its condition variables, semaphores and read-write locks with FUTEX_WAIT_BITSET.
 * A condition variable is how pools wait for work, so it counts as idleness.
 */
import type { StackFrame } from './perf-script.ts';
import type { BlockKind, LockSite } from '../result/locks.ts';

/** `<linux/futex.h>`; the flags for private futexes and the real-time clock are above. */
const commandMask = 0x7f;
const waitCommands: ReadonlyMap<number, 'wait' | 'bitset' | 'pi'> = new Map([
  [0, 'wait'],
  [6, 'pi'],
  [9, 'bitset'],
  [11, 'bitset'],
  [13, 'pi'],
]);

const idleSymbol =
  /^_*(?:GI_+)?(?:pthread_cond_(?:timed|clock)?wait|pthread_(?:timed|clock)?join|pthread_barrier|sem_(?:timed|clock)?wait|new_sem_wait|futex_abstimed_wait|uv_cond_(?:timed)?wait|uv_sem_wait|uv_barrier_wait|uv_thread_join|v8::base::ConditionVariable::Wait|v8::base::Semaphore::Wait)/;
const lockSymbol = /pthread_rwlock_|pthread_mutex_(?:timed|clock)lock/;

/** What the operation waits for; undefined where it does not wait (it wakes others). */
export function blockKind(operation: number, frames: readonly StackFrame[]): BlockKind | undefined {
  const command = waitCommands.get(operation & commandMask);
  if (command === undefined) return undefined;
  if (command === 'pi' || frames.some(({ symbol }) => lockSymbol.test(symbol))) return 'contention';
  if (command === 'bitset') return 'idle';
  return frames.some(({ symbol }) => idleSymbol.test(symbol)) ? 'idle' : 'contention';
}

interface SiteRule {
  readonly site: LockSite;
  readonly symbol?: RegExp;
  readonly file?: RegExp;
}

/** The first rule that fits the nearest frame wins; frames that fit none are passed over. */
const siteRules: readonly SiteRule[] = [
  { site: 'LMDB writer lock', symbol: /^(?:mdb_txn_begin|mdb_txn_renew0|EnvWrap::beginTxn|WriteWorker::)/ },
  { site: 'LMDB other', symbol: /^(?:mdb_|EnvWrap::|TxnWrap::|DbiWrap::|CursorWrap::)/ },
  { site: 'LMDB other', file: /\/(?:@lmdb|lmdb)\// },
  {
    site: 'allocator',
    symbol:
      /^(?:_*(?:libc_)?(?:malloc|calloc|realloc|free|memalign|cfree)|_int_(?:malloc|free|realloc)|arena_get\w*|tcache_\w+|malloc_consolidate|sysmalloc|operator (?:new|delete).*)$/,
  },
  {
    site: 'V8 platform',
    symbol:
      /^(?:v8::platform::|node::(?:TaskQueue|NodePlatform|WorkerThreadsTaskRunner|PerIsolatePlatformData|\(anonymous namespace\)::PlatformWorkerThread))/,
  },
  {
    site: 'V8 heap',
    symbol:
      /^v8::internal::(?:\(anonymous namespace\)::)?\w*(?:Heap|Space|Collector|Sweep|Scavenge|Mark|Evacuat|MemoryAllocator|MemoryChunk|Safepoint|CollectionBarrier|GlobalHandles|BackingStore|ArrayBuffer|Allocator|GC)\w*/,
  },
  { site: 'V8 other', symbol: /^(?:v8::internal::|v8::base::)/ },
  { site: 'libuv pool', symbol: /^(?:uv__work_|uv__queue_|uv_queue_work|uv__threadpool|post$|worker$|init_threads$)/ },
  // Wrappers of the lock itself say nothing of whose it is.
  { site: 'libuv other', symbol: /^uv_(?!_?(?:mutex|cond|sem|rwlock|barrier|once|key)_)/ },
  { site: 'Node.js', symbol: /^node::/ },
];

/** Event loops and the starts of threads: they are under every stack, and tell nothing of a lock. */
const rootSymbol =
  /^(?:uv_run|uv__io_poll|node::SpinEventLoop\w*|node::worker::Worker::(?:Run|StartThread)|node::NodeMainInstance::Run|node::Start)\b/;

/** Whose lock it is; `other` where no frame tells. */
export function siteOf(frames: readonly StackFrame[]): LockSite {
  for (const { symbol, file } of frames) {
    if (rootSymbol.test(symbol)) break;
    const rule = siteRules.find((one) => one.symbol?.test(symbol) === true || one.file?.test(file) === true);
    if (rule !== undefined) return rule.site;
  }
  // glibc's private locks are those of malloc's arenas, but for a few of stdio and the loader.
  return frames.some(({ symbol }) => symbol.includes('lll_lock_wait_private')) ? 'allocator' : 'other';
}

export type ThreadRole = 'main' | 'worker' | 'V8 platform' | 'libuv pool';

const roleSymbols: readonly { readonly role: ThreadRole; readonly symbol: RegExp }[] = [
  { role: 'main', symbol: /^node::(?:NodeMainInstance::Run|Start$)/ },
  { role: 'worker', symbol: /^node::worker::Worker::(?:Run|StartThread)/ },
  {
    role: 'V8 platform',
    symbol: /^node::(?:\(anonymous namespace\)::PlatformWorkerThread|WorkerThreadsTaskRunner::DelayedTaskScheduler)/,
  },
  { role: 'libuv pool', symbol: /^(?:worker|uv__thread_start)$/ },
];

/** What kind of thread has this stack, if the stack tells; roots tell, so it is read from there. */
export function roleOf(frames: readonly StackFrame[]): ThreadRole | undefined {
  for (const { symbol } of frames.toReversed()) {
    const found = roleSymbols.find((one) => one.symbol.test(symbol));
    if (found !== undefined) return found.role;
  }
  return undefined;
}
