/** The built-in generator as an engine: starts its process, tells it the workload, and takes what it says. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { nodeAccess } from '../../src/tls/access.ts';
import type { LoadEngine, LoadOptions, LoadResult } from './engine.ts';
import type { GeneratorNews, GeneratorOrder } from './generator-process.ts';
import type { Workload } from './result.ts';

export interface BuiltInOptions {
  /** A request without an answer after this, from its sending, is given up and counts as `timeout`. */
  readonly timeoutMs?: number;
}

export const timeoutMsDefault = 10_000;

const program = fileURLToPath(new URL('generator-process.js', import.meta.url));

export function builtInEngine({ timeoutMs = timeoutMsDefault }: BuiltInOptions = {}): LoadEngine {
  return { name: 'built-in', run: (workload, options = {}) => runProcess(workload, timeoutMs, options) };
}

async function runProcess(workload: Workload, timeoutMs: number, options: LoadOptions): Promise<LoadResult> {
  // Advanced: histograms are long, and structured clones are quicker than JSON.
  const child = fork(program, {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const tell = (order: GeneratorOrder): void => void child.send(order);
  const cut = (): void => tell({ kind: 'cut' });
  try {
    tell({ kind: 'run', workload, timeoutMs, access: nodeAccess() });
    options.signal?.addEventListener('abort', cut);
    if (options.signal?.aborted === true) cut();
    return await outcomeOf(child, options);
  } finally {
    options.signal?.removeEventListener('abort', cut);
    if (child.connected) child.disconnect();
  }
}

function outcomeOf(child: ChildProcess, { onMeasuring, onProgress }: LoadOptions): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const hear = (news: GeneratorNews): void => {
      switch (news.kind) {
        case 'measuring':
          return onMeasuring?.();
        case 'progress':
          return onProgress?.(news.progress);
        case 'result':
          return resolve(news.result);
        case 'failed':
          return reject(new KvorumError(news.code, news.message));
        default:
          return news satisfies never;
      }
    };
    child.on('message', hear);
    child.once('error', (error) =>
      reject(new KvorumError('worker-failed', `The load generator failed: ${error.message}`)),
    );
    child.once('exit', (code, signal) =>
      reject(new KvorumError('worker-failed', `The load generator ended early: ${signal ?? `exit code ${code}`}`)),
    );
  });
}
