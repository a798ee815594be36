/**
 * Stands in for wrk2 and for wrk, which tests cannot install: programs that check how they are called, send some requests
 * as the real ones would, and print what the real ones print (layout of wrk2's src/wrk.c and README).
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const usage = (hasRate: boolean): string => `Usage: wrk <options> <url>
  Options:
    -c, --connections <N>  Connections to keep open
    -d, --duration    <T>  Duration of test
    -t, --threads     <N>  Number of threads to use
    -v, --version          Print version details
${hasRate ? '    -R, --rate        <T>  work rate (throughput)\n                           in requests/sec (total)\n' : ''}`;

const spectrum = `  Latency Distribution (HdrHistogram - TITLE)
 50.000%    6.67ms
 75.000%    7.78ms
 99.000%   11.18ms
100.000%   12.50ms

  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)

       0.921     0.000000            1         1.00
       4.053     0.100000         3951         1.11
       6.671     0.500000        19783         2.00
       9.143     0.900000        35570        10.00
      11.207     0.990625        39135       106.67
      12.503     0.999976        39500     40960.00
      12.503     1.000000        39500          inf
#[Mean    =        6.602, StdDeviation   =        1.919]
#[Max     =       12.496, Total count    =        39500]
#[Buckets =           27, SubBuckets     =         2048]
----------------------------------------------------------
`;

/** What a run of 30 s at 2,000/s over 100 connections in 2 threads prints. */
export const wrk2Output = `Running 30s test @ http://127.0.0.1:80
  2 threads and 100 connections
  Thread calibration: mean lat.: 10.087ms, rate sampling interval: 22ms
  Thread calibration: mean lat.: 10.139ms, rate sampling interval: 21ms
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     6.60ms    1.92ms  12.50ms   68.46%
    Req/Sec     1.04k     1.08k    2.50k    72.79%
${spectrum.replace('TITLE', 'Recorded Latency')}
${spectrum.replace('TITLE', 'Uncorrected Latency (measured without taking delayed starts into account)').replaceAll(/^ {7}(\d)/gm, '       0')}
  60018 requests in 30.00s, 19.81MB read
  Socket errors: connect 0, read 3, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:   2000.28
Transfer/sec:    676.18KB
kvorum-statuses 201=39493 503=7
`;

/** A program that prints as wrk2 does; it writes its arguments to `FILE.json`. With `hangs` it hangs until SIGINT. */
export function fakeWrk2(directory: string, name = 'wrk2', { hangs = false } = {}): string {
  return program(
    join(directory, name),
    `
if (process.argv.length < 4) { console.log('wrk 4.0.0 [epoll] Copyright (C) 2012 Will Glozer\\n' + ${JSON.stringify(usage(true))}); process.exit(1); }
const print = () => { process.stdout.write(${JSON.stringify(wrk2Output)}); process.exit(0); };
if (${hangs}) { setInterval(() => {}, 1000); process.on('SIGINT', print); }
// Written last: a test that waits for it may interrupt from then on.
require('node:fs').writeFileSync(__filename + '.json', JSON.stringify(process.argv.slice(2)));
if (!${hangs}) print();
`,
  );
}

/** wrk: the same name as wrk2's build, and no rate. */
export function fakeWrk(directory: string, name = 'wrk'): string {
  return program(
    join(directory, name),
    `
console.log('wrk 4.1.0 [epoll] Copyright (C) 2012 Will Glozer\\n' + ${JSON.stringify(usage(false))}); process.exit(1);
`,
  );
}

/** One that ends with an error, as wrk2 does if nobody listens. */
export function failingWrk2(directory: string): string {
  return program(
    join(directory, 'wrk2'),
    `
if (process.argv.length < 4) { console.log(${JSON.stringify(usage(true))}); process.exit(1); }
console.error('unable to connect to 127.0.0.1:1 Connection refused'); process.exit(1);
`,
  );
}

function program(path: string, script: string): string {
  writeFileSync(path, `#!${process.execPath}\n${script}`);
  chmodSync(path, 0o755);
  return path;
}
