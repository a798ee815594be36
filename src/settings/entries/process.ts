/** Settings: threads, logs, and how a node stops. */
import { dispatches } from '../../domain/modes.ts';
import { logLevels } from '../../diagnostics/log.ts';
import { choice, duration, integer, type Others } from '../kinds.ts';

const inModeSync = ({ mode }: Others): string | undefined => (mode === 'sync' ? 'mode sync' : undefined);

export const processEntries = {
  workers: integer({
    why: 'Worker threads for storage and replication',
    choose:
      'More than one where a worker thread is busy all the time and cores are idle; in mode sync one for each request at a time',
    neededBy: 'both',
    isCommon: true,
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
    isCommon: true,
    of: logLevels,
    default: 'info',
  }),
  drainDelayMs: duration({
    why: 'How long a node that is told to stop says that it is not ready, and serves on, before it takes no new connections',
    choose: 'As long as the proxies in front take to see /readyz fail; 0 where clients find another node by themselves',
    neededBy: 'node',
    range: [0, 600_000],
    default: 1000,
  }),
  drainMsMax: duration({
    why: 'How long a stopping node then waits for requests in flight, and for clients to close their side',
    choose:
      'Longer than --timeout-ms; with --drain-delay-ms 3 s shorter than what stops the node waits before it kills it',
    neededBy: 'node',
    range: [0, 600_000],
    default: 1500,
  }),
};
