/** Which process of this machine a node is, as far as it is one. */
import { AdminClient } from './admin-client.ts';
import { threadName } from './node-metrics.ts';
import { isNodeProcess } from './process-accounts.ts';

export interface LocalProcess {
  readonly pid: number;
  /** The JavaScript threads by the system's thread id: `main`, `worker 1`. */
  readonly threads: ReadonlyMap<number, string>;
}

const statusMsMax = 5000;

/** Asks the node; null where it runs elsewhere, does not tell, or the system has no `/proc`. */
export async function localProcess(url: string): Promise<LocalProcess | null> {
  const client = new AdminClient(url);
  const text = await client.text('/v0/status', statusMsMax);
  client.close();
  const told = text === null ? undefined : processIn(text);
  if (told === undefined) return null;
  const threads = new Map(told.threads.map(({ osThreadId, thread }) => [osThreadId ?? 0, threadName(thread)]));
  return isNodeProcess(told.pid, [...threads.keys()]) ? { pid: told.pid, threads } : null;
}

interface ProcessStatus {
  readonly pid: number;
  readonly threads: readonly { readonly thread: string; readonly osThreadId: number | null }[];
}

function processIn(status: string): ProcessStatus | undefined {
  try {
    return (JSON.parse(status) as { readonly process?: ProcessStatus }).process;
  } catch {
    return undefined;
  }
}
