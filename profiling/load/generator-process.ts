/**
 * The process of the built-in generator. What it is told and what it says are messages (`GeneratorOrder`,
 * `GeneratorNews`); errors cross as their code and text, since an error object loses its code on the way.
 *
 * A Ctrl-C in the terminal reaches this process too: it goes on, and is told to end by the process that started it. When
 * that one dies, so does this.
 */
import { codeOf, KvorumError, messageOf, type ErrorCode } from '../../src/diagnostics/errors.ts';
import { useAccess, type NodeAccess } from '../../src/tls/access.ts';
import type { LoadProgress, LoadResult } from './engine.ts';
import { generate } from './generator.ts';
import type { Workload } from './result.ts';

export type GeneratorOrder =
  | { readonly kind: 'run'; readonly workload: Workload; readonly timeoutMs: number; readonly access: NodeAccess }
  | { readonly kind: 'cut' };

export type GeneratorNews =
  | { readonly kind: 'measuring' }
  | { readonly kind: 'progress'; readonly progress: LoadProgress }
  | { readonly kind: 'result'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

const cut = new AbortController();

function say(news: GeneratorNews): void {
  process.send?.(news);
}

async function run({ workload, timeoutMs, access }: Extract<GeneratorOrder, { kind: 'run' }>): Promise<void> {
  useAccess(access);
  try {
    const result = await generate(workload, {
      timeoutMs,
      signal: cut.signal,
      onMeasuring: () => say({ kind: 'measuring' }),
      onProgress: (progress) => say({ kind: 'progress', progress }),
    });
    say({ kind: 'result', result });
  } catch (error) {
    const code = error instanceof KvorumError ? error.code : 'worker-failed';
    say({ kind: 'failed', code, message: messageOf(error) || (codeOf(error) ?? 'unknown reason') });
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
process.on('message', (order: GeneratorOrder) => {
  if (order.kind === 'cut') cut.abort();
  else void run(order);
});
