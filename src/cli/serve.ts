/**
 * `kvorum serve`: one node, until a signal stops it.
 *
 * A node that `kvorum up` started also stops when its parent is gone, however that died: the two share an IPC channel,
 * which the system closes with the parent.
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fstatSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { changedSettings, resolveSettings } from '../settings/config.ts';
import type { NodeSettings } from '../settings/settings.ts';
import type { Environment } from '../settings/sources.ts';
import { keepFilesPrivate } from '../data-directory.ts';
import { stopWithParentEnvironmentName } from '../child-environment.ts';
import type { Command, Invocation } from './command.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { reportFailure } from './failure.ts';
import { countThreads, leave } from './leave.ts';
import { outliveOutput, writeResult } from './output.ts';
import { settingOptions } from './setting-options.ts';
import { stopSignal } from './signals.ts';

/**
 * How much V8 inlines into one function, in bytes of bytecode. With the default, 920, a request's path is many calls
 * (docs/decisions/013-inlining.md).
 */
const inlinedBytecodeBytesMax = 3000;
/** Closing threads and the store after the drain, milliseconds. */
const closeMsMax = 3000;

export const serveCommand: Command = {
  name: 'serve',
  summary: 'Run one node',
  usage: '[options]',
  details:
    'Every node of a cluster is given the same --cluster and its own --self. The first SIGINT or SIGTERM drains and ' +
    'stops, a second one stops at once. SIGHUP has certificates and tokens read again. Each option can also be set by its environment variable or by a file.',
  positionals: { min: 0, max: 0 },
  options: settingOptions(),
  examples: [
    'kvorum serve',
    'kvorum serve --self http://localhost:8080 --cluster http://localhost:8080,http://localhost:8081 --data data/n1',
    'KVORUM_CLUSTER_SECRET=s3cret kvorum serve --config node.json --log-level debug',
  ],
  run: serve,
};

async function serve({ flags, environment }: Invocation): Promise<ExitCode> {
  keepFilesPrivate();
  outliveOutput();
  const { settings } = resolveSettings({ flags, environment });
  const stopAsked = Promise.race([stopSignal(), parentGone(environment)]).then(() => undefined);
  countThreads();
  const code = await runNode(settings, stopAsked).catch(reportFailure);
  // Not left to the event loop: a thread or socket that a failed node could not close must not keep the process.
  return leave(code);
}

/** Runs a node until `stopAsked` resolves or the node dies of itself. */
async function runNode(settings: NodeSettings, stopAsked: Promise<undefined>): Promise<ExitCode> {
  // Loaded here, since the other commands need neither storage nor threads.
  const [{ startNode }, { createLog }] = await Promise.all([
    import('../start-node.ts'),
    import('../diagnostics/log.ts'),
  ]);
  let reload = (): void => {};
  // Without files to read again a hang-up ends the process, as it does any other.
  if (settings.tlsCert !== undefined || settings.tokensFile !== undefined) process.on('SIGHUP', () => reload());
  const node = await startNode(settings, createLog(settings.logLevel), changedSettings(settings));
  reload = () => node.reload();
  // Not earlier: V8 does not use Node's code cache if its flags differ from those that the cache was built with.
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${inlinedBytecodeBytesMax}`);
  // Where both go to one place the log's line "ready" says it, and every line there stays JSON.
  if (!isLogOnStdout()) await writeResult(`Listening on ${node.url}\n`);
  const failure = await Promise.race([node.failed, stopAsked]);
  if (failure === undefined) {
    await node.stop(settings.drainDelayMs);
    // What is on the disk is known only when the store is closed.
    const failureAtStop = await Promise.race([node.failed, Promise.resolve(undefined)]);
    return failureAtStop === undefined ? exitCodes.ok : reportFailure(failureAtStop);
  }
  // A node that died of itself may be unable to stop in good order, so it gets a bounded time for it.
  await Promise.race([node.stop(0).catch(() => {}), setTimeout(settings.drainMsMax + closeMsMax)]);
  return reportFailure(failure);
}

/** Whether stdout and stderr are the same file, pipe, socket or terminal. */
function isLogOnStdout(): boolean {
  try {
    const [out, log] = [fstatSync(1), fstatSync(2)];
    return out.dev === log.dev && out.ino === log.ino;
  } catch {
    return false;
  }
}

function parentGone(environment: Environment): Promise<unknown> {
  const hasParent = environment[stopWithParentEnvironmentName] !== undefined && process.channel !== undefined;
  return hasParent ? once(process, 'disconnect') : new Promise(() => {});
}
