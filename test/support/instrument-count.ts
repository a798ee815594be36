/**
 * Loaded into a node before its own code (`--import`), in every thread: writes a line to the file that
 * `KVORUM_TEST_INSTRUMENTS` names whenever an instrument is switched on (`+`) or off (`-`), so that a test sees from
 * outside whether anything was left on.
 */
import channels from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import inspector from 'node:inspector';
import { syncBuiltinESMExports } from 'node:module';
import { PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';
import { threadId } from 'node:worker_threads';

const file = process.env['KVORUM_TEST_INSTRUMENTS'];

if (file !== undefined) {
  const note = (change: '+' | '-', what: string): void => appendFileSync(file, `${change}${what} ${threadId}\n`);
  const watch = (owner: object, name: string, change: '+' | '-', what: string): void => {
    const original = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
    Reflect.set(owner, name, function (this: unknown, ...args: unknown[]): unknown {
      note(change, what);
      return original.apply(this, args);
    });
  };
  watch(inspector.Session.prototype, 'connect', '+', 'session');
  watch(inspector.Session.prototype, 'disconnect', '-', 'session');
  watch(v8.GCProfiler.prototype, 'start', '+', 'gc');
  watch(v8.GCProfiler.prototype, 'stop', '-', 'gc');
  watch(PerformanceObserver.prototype, 'observe', '+', 'observer');
  watch(PerformanceObserver.prototype, 'disconnect', '-', 'observer');
  watch(channels, 'subscribe', '+', 'channel');
  watch(channels, 'unsubscribe', '-', 'channel');
  // Those who import the functions by name get them too.
  syncBuiltinESMExports();
  const onInit = v8.promiseHooks.onInit;
  v8.promiseHooks.onInit = (hook) => {
    note('+', 'promises');
    const unhook = onInit(hook) as () => void;
    return () => {
      note('-', 'promises');
      unhook();
    };
  };
}
