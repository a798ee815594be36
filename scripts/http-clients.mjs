#!/usr/bin/env node
/**
 * What a request costs the load generator, in CPU microseconds of the client's process: the bench's own HTTP client
 * (profiling/load/connection.ts) against undici and node:http, 64 connections, one request at a time on each, PUTs
 * of 64 bytes, against a server over node:net in a process of its own. The clients take turns, several rounds, so that a
 * machine that drifts favours none; medians are printed.
 *
 *   npm run build && node scripts/http-clients.mjs [--seconds 3] [--rounds 3]
 */
import { fork } from 'node:child_process';
import { Agent, request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from 'undici';
import { LoadConnection } from '../dist/profiling/load/connection.js';

const connections = 64;
const value = 'v'.repeat(64);
const path = '/v0/entity?id=k000001';

function serve() {
  const answer = 'HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n';
  const server = createServer({ noDelay: true }, (socket) => {
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received += chunk.latin1Slice();
      let answers = '';
      for (;;) {
        const end = received.indexOf('\r\n\r\n');
        if (end < 0 || received.length < end + 4 + value.length) break;
        received = received.slice(end + 4 + value.length);
        answers += answer;
      }
      if (answers !== '') socket.write(answers, 'latin1');
    });
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.on('disconnect', () => process.exit());
}

/** Each starts its load, counts answers in `state.count`, and returns what stops it. */
const clients = {
  own(port, state) {
    const text = `PUT ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: ${value.length}\r\n\r\n${value}`;
    const events = {
      onFree: (connection) => connection.send(text),
      onAnswer: () => state.count++,
      onLost: () => {},
      onIdleLost: () => {},
    };
    const all = Array.from({ length: connections }, () => new LoadConnection(0, { host: '127.0.0.1', port }, events));
    return () => all.forEach((connection) => connection.close());
  },
  undici(port, state) {
    const all = Array.from({ length: connections }, () => new Client(`http://127.0.0.1:${port}`));
    // `dispatch` is undici's cheapest interface: no promise, no stream.
    const send = (client) =>
      client.dispatch(
        { method: 'PUT', path, body: value },
        {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData() {},
          onResponseEnd() {
            state.count++;
            if (!state.isOver) send(client);
          },
          onResponseError() {},
        },
      );
    all.forEach(send);
    return () => all.forEach((client) => void client.destroy());
  },
  'node:http'(port, state) {
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    const options = {
      port,
      host: '127.0.0.1',
      agent,
      path,
      method: 'PUT',
      headers: { 'content-length': value.length },
    };
    const send = () =>
      httpRequest(options, (response) => {
        response.resume().on('end', () => {
          state.count++;
          if (!state.isOver) send();
        });
      })
        .on('error', () => {})
        .end(value);
    Array.from({ length: connections }, send);
    return () => agent.destroy();
  },
};

async function measure(client, port, seconds) {
  const state = { count: 0, isOver: false };
  const stop = clients[client](port, state);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const cpu = process.cpuUsage();
  const before = state.count;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const { user, system } = process.cpuUsage(cpu);
  const count = state.count - before;
  state.isOver = true;
  stop();
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { cpuUs: (user + system) / count, perSecond: count / seconds };
}

const median = (values) => values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];

async function main() {
  const { values: given } = parseArgs({
    options: { seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '3' } },
  });
  const server = fork(fileURLToPath(import.meta.url), ['serve']);
  const port = await new Promise((resolve) => server.once('message', resolve));
  const runs = new Map(Object.keys(clients).map((client) => [client, []]));
  for (let round = 0; round < Number(given.rounds); round++) {
    for (const [client, results] of runs) results.push(await measure(client, port, Number(given.seconds)));
  }
  server.disconnect();
  const own = median(runs.get('own').map(({ cpuUs }) => cpuUs));
  for (const [client, results] of runs) {
    const cpuUs = median(results.map((result) => result.cpuUs));
    const perSecond = Math.round(median(results.map((result) => result.perSecond)));
    const ratio = (cpuUs / own).toFixed(1);
    console.log(`${client}: ${cpuUs.toFixed(1)} us CPU a request (${ratio} times own), ${perSecond}/s`);
  }
}

if (process.argv[2] === 'serve') serve();
else await main();
