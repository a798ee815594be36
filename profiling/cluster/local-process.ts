/**
 * Which process of this machine a node is, as far as it is one, and which of its threads run JavaScript. Tolerant: the node
 * may be of another version, and then it is taken for one that does not tell.
 */
import { fieldOf, listFieldOf, parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import { AdminClient } from './node-client.ts';
import { threadName } from './node-metrics.ts';
import { isNodeProcess } from './process-accounts.ts';

export interface LocalProcess {
  readonly pid: number;
  /** The JavaScript threads by the system's thread id: `main`, `worker 1`. */
  readonly threads: ReadonlyMap<number, string>;
}

const statusMsMax = 5000;
const statusTriesMax = 3;

/** Asks the node; null where it runs elsewhere, does not tell, or the system has no `/proc`. */
export async function localProcess(url: string): Promise<LocalProcess | null> {
  const client = new AdminClient(url);
  let found: LocalProcess | null = null;
  for (let tries = 0; tries < statusTriesMax; tries++) {
    const status = await client.text('/v0/status', statusMsMax);
    const described = status === null ? null : parseProcess(status);
    if (described === null || !isNodeProcess(described.pid, [...described.threads.keys()])) break;
    found = described;
    // A worker under load may not report in time; its thread would be taken for a native one.
    if (described.threads.size >= described.threadCount) break;
  }
  client.close();
  return found;
}

/** Null where it does not tell of its process. */
function parseProcess(text: string): (LocalProcess & { readonly threadCount: number }) | null {
  const status = parseJson(text);
  const described = fieldOf(status, 'process');
  const pid = fieldOf(described, 'pid');
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid)) return null;
  const threads = new Map<number, string>();
  for (const entry of listFieldOf(described, 'threads')) {
    const [thread, osThreadId] = [textFieldOf(entry, 'thread'), fieldOf(entry, 'osThreadId')];
    if (thread !== undefined && typeof osThreadId === 'number') threads.set(osThreadId, threadName(thread));
  }
  const workers = fieldOf(status, 'workers');
  return { pid, threads, threadCount: 1 + (typeof workers === 'number' ? workers : 0) };
}
