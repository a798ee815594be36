/**
 * clinic end to end, as it is installed: slow, since clinic is. Where clinic or Chromium is missing, the tests that need
 * them are skipped; what is said then is tested without them.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../../src/diagnostics/errors.ts';
import { checkGraph, findChromium } from '../../../profiling/clinic/graph-check.ts';
import { findClinic, installedClinic } from '../../../profiling/clinic/installation.ts';
import { runClinic } from '../../../profiling/clinic/run-clinic.ts';
import { Step } from '../../../profiling/clinic/step.ts';
import { toolTraits } from '../../../profiling/clinic/tools.ts';
import { clinicFlameOf, clinicHeapOf } from '../../../profiling/clinic/viewers.ts';
import { ask, entityTarget } from '../../support/client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** Installed here where it is not: without a network the tests that need it are skipped, and say so. */
const clinic = await installedClinic().catch(messageOf);
const program = clinic.endsWith('.js') ? clinic : '';
const skip = program === '' ? clinic : false;
const withoutChromium = findChromium() === undefined ? 'needs chromium on PATH' : false;
const testMsMax = 290_000;

/** A few keep-alive connections in a loop. */
async function load(url: string, durationMs: number, ratePerSecondMax: number): Promise<void> {
  const connections = 4;
  const pauseMs = Number.isFinite(ratePerSecondMax) ? (connections * 1000) / ratePerSecondMax : 0;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const end = performance.now() + durationMs;
  const lanes = Array.from({ length: connections }, async (_, lane) => {
    for (let count = 0; performance.now() < end; count++) {
      const target = entityTarget(`key ${lane} ${count % 50}`);
      if (count % 2 === 0) await ask(url, target, { method: 'PUT', body: 'value', agent });
      else await ask(url, target, { agent });
      if (pauseMs > 0) await setTimeout(pauseMs);
    }
  });
  await Promise.all(lanes);
  agent.destroy();
}

const noLoad = (): Promise<void> => Promise.resolve();

/** A program in clinic's place that ends, hangs or lies. */
function pretender(directory: string, code: string): string {
  const path = join(directory, 'pretender.cjs');
  writeFileSync(path, code);
  return path;
}

/** In a pretender: is ready as the node would be that it was to start, until it is interrupted. */
const pretendsToServe = `
  const port = Number(process.argv[process.argv.indexOf('--port') + 1]);
  const server = require('node:http').createServer((_, response) => response.end()).listen(port, '127.0.0.1');
  const onInterrupt = (then = () => {}) => process.once('SIGINT', () => {
    then();
    server.closeAllConnections();
    server.close();
  });
`;

for (const tool of ['flame', 'bubbleprof'] as const) {
  test(`clinic ${tool} observes a loaded node and draws a graph`, { skip, timeout: testMsMax }, async (t) => {
    const directory = temporaryDirectory(t);
    const said: string[] = [];
    const onProgress = (text: string): void => void said.push(text);
    const result = await runClinic(tool, { program, directory, load, durationMs: 1000, onProgress });
    assert.ok(result.kind === 'done', JSON.stringify(result));
    assert.ok(existsSync(result.html) && existsSync(result.data), result.html);
    assert.ok(result.html.startsWith(directory));
    if (withoutChromium !== false) assert.equal(result.check.kind, 'skipped');
    else assert.equal(result.check.kind, 'passed', JSON.stringify(result.check));
    assert.ok(said.some((text) => text.includes('observes node')));
  });
}

test(
  'clinic draws the recordings of a thread: .cpuprofile and .heapprofile',
  { skip, timeout: testMsMax },
  async (t) => {
    const directory = temporaryDirectory(t);
    const source = { scriptId: '1', url: 'file:///x/dist/workers/store.js', lineNumber: 4, columnNumber: 2 };
    const root = { functionName: '(root)', scriptId: '0', url: '', lineNumber: -1, columnNumber: -1 };
    const cpu = join(directory, 'worker1.cpuprofile');
    const nodes = [
      { id: 1, callFrame: root, children: [2, 3] },
      { id: 2, callFrame: { ...source, functionName: 'merge' } },
      { id: 3, callFrame: { ...root, functionName: '(garbage collector)' } },
    ];
    writeFileSync(
      cpu,
      JSON.stringify({ nodes, samples: [2, 2, 3, 2], timeDeltas: [1, 1, 1, 1], startTime: 0, endTime: 4 }),
    );
    const heap = join(directory, 'worker1.heapprofile');
    const leaf = { callFrame: { ...source, functionName: 'merge' }, selfSize: 1000, id: 2, children: [] };
    writeFileSync(
      heap,
      JSON.stringify({ head: { callFrame: root, selfSize: 0, id: 1, children: [leaf] }, samples: [] }),
    );

    const pages = { flame: join(directory, 'out', 'flame.html'), heapprofiler: join(directory, 'out', 'heap.html') };
    const flame = await clinicFlameOf({ program, path: cpu, html: pages.flame });
    assert.deepEqual(flame, { kind: 'done', html: pages.flame });
    const heapPage = await clinicHeapOf({ program, path: heap, html: pages.heapprofiler });
    assert.deepEqual(heapPage, { kind: 'done', html: pages.heapprofiler });
    for (const tool of ['flame', 'heapprofiler'] as const) {
      assert.match(readFileSync(pages[tool], 'utf8'), /merge/);
      if (withoutChromium === false) assert.equal((await checkGraph(pages[tool], tool)).kind, 'passed', tool);
    }
  },
);

test('a clinic that cannot be installed says why, and how to install it by hand', async (t) => {
  const folder = temporaryDirectory(t);
  const said: string[] = [];
  const onProgress = (text: string): void => void said.push(text);
  // npm finds nothing to install here.
  await assert.rejects(installedClinic({ folder, onProgress }), {
    code: 'profile-failed',
    message: /^Cannot install clinic: .*; try again with a network, or .*: npm install --save-dev clinic@13\.0\.0$/,
  });
  assert.match(said.join(), /^Installing clinic 13\.0\.0 into /);
});

test('an installation that was broken off is none', (t) => {
  const folder = temporaryDirectory(t);
  const packageFolder = join(folder, 'node_modules/clinic');
  mkdirSync(packageFolder, { recursive: true });
  for (const name of ['package.json', 'bin.js']) writeFileSync(join(packageFolder, name), '{}');
  assert.notEqual(findClinic(folder), join(packageFolder, 'bin.js'));
  writeFileSync(join(folder, 'node_modules/.package-lock.json'), '{}');
  assert.equal(findClinic(folder), join(packageFolder, 'bin.js'));
});

test('a clinic that ends before its node serves is a failure with what it said', async (t) => {
  const directory = temporaryDirectory(t);
  const pretended = pretender(directory, 'console.error("no such thing"); process.exitCode = 3;');
  const result = await runClinic('heapprofiler', { program: pretended, directory, load });
  assert.ok(result.kind === 'failed', JSON.stringify(result));
  assert.match(result.reason, /^clinic heapprofiler: it ended before its node served; it said: no such thing$/);
});

test('a clinic that collects nothing is a failure', async (t) => {
  const directory = temporaryDirectory(t);
  const pretended = pretender(directory, `${pretendsToServe} onInterrupt();`);
  const options = { program: pretended, directory, load: noLoad, durationMs: 100 };
  const result = await runClinic('heapprofiler', options);
  assert.ok(result.kind === 'failed', JSON.stringify(result));
  assert.match(result.reason, /left no data/);
});

const colourful = `<!doctype html><canvas width="97" height="40"></canvas><script>
  const context = document.querySelector('canvas').getContext('2d');
  for (const [row, colour] of ['red', 'green', 'blue', 'black'].entries()) {
    context.fillStyle = colour;
    context.fillRect(0, row * 10, 97, 10);
  }
</script>`;

/** Collects a worker's samples as often as it is told, then the main thread's, and draws a page with some colours. */
const forgetful = (counter: string, times: number): string => `
  const fs = require('node:fs');
  const at = process.argv.indexOf('--visualize-only');
  if (at >= 0) fs.writeFileSync(process.argv[at + 1] + '.html', ${JSON.stringify(colourful)});
  else {
    ${pretendsToServe}
    onInterrupt(() => {
      const runs = fs.existsSync(${JSON.stringify(counter)}) ? fs.readFileSync(${JSON.stringify(counter)}, 'utf8').length : 0;
      fs.appendFileSync(${JSON.stringify(counter)}, 'x');
      const file = runs < ${times} ? '/x/dist/workers/store.js' : '/x/dist/src/http/server.js';
      fs.mkdirSync('.clinic/1.clinic-flame', { recursive: true });
      const stacks = [[{ name: 'f file://' + file + ':1:1', type: 'JS' }]];
      fs.writeFileSync('.clinic/1.clinic-flame/1.clinic-flame-samples', JSON.stringify(stacks));
    });
  }`;

test('flame is collected again when it took the log of a worker, and not for ever', async (t) => {
  const directory = temporaryDirectory(t);
  const run = (times: number): ReturnType<typeof runClinic> => {
    const pretended = pretender(directory, forgetful(join(directory, `runs-${times}`), times));
    return runClinic('flame', { program: pretended, directory, load: noLoad, durationMs: 1 });
  };
  const once = await run(1);
  assert.ok(once.kind === 'done', JSON.stringify(once));
  assert.equal(once.attempts, 2);
  const never = await run(9);
  assert.ok(never.kind === 'failed', JSON.stringify(never));
  assert.match(never.reason, /no sample of the main thread in 3 attempts/);
});

test('a step that hangs is ended at its deadline, with every process that it has started', async (t) => {
  const directory = temporaryDirectory(t);
  const code = `const child = require('node:child_process').spawn('sleep', ['600']); console.log(child.pid); setInterval(() => {}, 1e6);`;
  const step = new Step({ name: 'a step', args: [pretender(directory, code)], directory });
  while (step.output === '') await setTimeout(10);
  await assert.rejects(step.finish(1), { code: 'profile-failed', message: /^a step: did not end within 1 ms/ });
  assert.equal(step.isRunning, false);
  const grandchild = Number(step.output);
  for (;;) {
    try {
      process.kill(grandchild, 0);
    } catch {
      break;
    }
    await setTimeout(10);
  }
});

test('an aborted run throws the reason, and leaves no process', { skip }, async (t) => {
  const directory = temporaryDirectory(t);
  const abort = new AbortController();
  const interrupt = (): Promise<void> => {
    abort.abort(new Error('enough'));
    return Promise.resolve();
  };
  await assert.rejects(runClinic('doctor', { program, directory, load: interrupt, signal: abort.signal }), /enough/);
});

test('a page without a graph does not pass', { skip: withoutChromium }, async (t) => {
  const html = join(temporaryDirectory(t), 'empty.html');
  writeFileSync(html, '<!doctype html><canvas width="100" height="100"></canvas>');
  for (const tool of ['flame', 'doctor'] as const) {
    assert.ok(toolTraits[tool].drawn.least > 0);
    const check = await checkGraph(html, tool, 300);
    assert.deepEqual(check, { kind: 'failed', reason: 'nothing is drawn after 300 ms' });
  }
});
