/** `kvorum bench` as help shows it. What it does is loaded when it runs: no other command, and no node, needs any of it. */
import { benchOptions } from './bench-flags.ts';
import type { Command } from '../../src/cli/command.ts';

export const benchCommand: Command = {
  name: 'bench',
  summary: 'Put load on a cluster at a given rate, and say whether it holds',
  usage: '[--url URL,... | --up N] [--rate N | --find-max] [options]',
  details:
    'Requests are sent on a schedule and not when the last one was answered; latency counts from when a request ' +
    'should have been sent, so that a stall is not hidden; errors are in percentiles of their own. A rate is held where ' +
    'at least 98% of it is answered, without an error unless --errors-max allows some, within --p99, --p999 and --mean. ' +
    '--find-max doubles the rate until it is not held and then halves the interval down to 5%; a rate that is not held ' +
    'is tried twice. Exit code 0: held; 1: not held, errors, or the generator could not keep the schedule; ' +
    '5: a target cannot be reached or is not ready; 130: interrupted, what was measured is still written. The other ' +
    'options are for the nodes of --up.',
  positionals: { min: 0, max: 0 },
  options: benchOptions,
  examples: [
    'kvorum bench --rate 6000 --duration 3m',
    'kvorum bench --up 3 --mode async --op get --fill --report get.html',
    'kvorum bench --op mixed --read-share 0.9 --distribution zipfian --targets all --json mixed.json',
    'kvorum bench --up 3 --find-max --p99 20ms',
    'kvorum bench --up 3 --rate 2000 --p99 20ms --errors-max 0.1% --junit bench.xml --output markdown',
    'kvorum bench --up 3 --fill --workload b --stages 1000:30s,6000:2m,0:10s',
    'kvorum bench --mix get=80,put=15,delete=4,range=1 --value-bytes 100:80,1KiB:15,64KiB:5',
  ],
  run: async (invocation) => (await import('./bench.ts')).bench(invocation),
};
