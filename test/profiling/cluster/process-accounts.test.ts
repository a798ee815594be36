import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import {
  accountBetween,
  isNodeProcess,
  parseThread,
  readProcess,
  sumOfAccounts,
} from '../../../profiling/cluster/process-accounts.ts';

const noAccounts = existsSync('/proc/self/schedstat') ? false : 'the system has no /proc/self/schedstat';

const status = 'Name:\tnode\nVmRSS:\t  5 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t2\n';

test('parseThread() reads microseconds and switches', () => {
  assert.deepEqual(parseThread('1500000 2000 12\n', status), {
    cpuUs: 1500,
    runQueueUs: 2,
    voluntarySwitches: 7,
    involuntarySwitches: 2,
  });
});

test('parseThread() of a system without such accounts is null', () => {
  assert.equal(parseThread('', status), null);
  assert.equal(parseThread('1 2 3', 'Name:\tnode\n'), null);
});

test('accountBetween() counts all of a thread that is new, and nothing less than 0', () => {
  const one = { cpuUs: 10, runQueueUs: 20, voluntarySwitches: 3, involuntarySwitches: 4 };
  const more = { cpuUs: 15, runQueueUs: 10, voluntarySwitches: 4, involuntarySwitches: 4 };
  assert.deepEqual(accountBetween(one, more), {
    cpuUs: 5,
    runQueueUs: 0,
    voluntarySwitches: 1,
    involuntarySwitches: 0,
  });
  assert.deepEqual(accountBetween(undefined, more), more);
  assert.equal(sumOfAccounts([one, more]).cpuUs, 25);
  assert.equal(sumOfAccounts([]).cpuUs, 0);
});

test('readProcess() sees the threads of this process, and their CPU grows', { skip: noAccounts }, () => {
  const before = readProcess(process.pid);
  const until = process.cpuUsage().user + 20_000;
  while (process.cpuUsage().user < until);
  const after = readProcess(process.pid);
  assert.ok(before !== null && after !== null);
  assert.ok(after.threads.size >= 2, `${after.threads.size} threads`);
  assert.ok((after.residentBytes ?? 0) > 1024 * 1024);
  const main = after.threads.get(process.pid);
  assert.ok(main !== undefined);
  assert.ok(accountBetween(before.threads.get(process.pid), main).cpuUs > 10_000);
});

test('readProcess() of a process that is not there is null', () => {
  assert.equal(readProcess(2 ** 30), null);
});

test('isNodeProcess() refuses a process that is no node, whatever number it claims', () => {
  assert.equal(isNodeProcess(process.pid, [process.pid]), false);
  assert.equal(isNodeProcess(2 ** 30, []), false);
});
