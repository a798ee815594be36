/** The commands of docs/security.md make what a node takes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readTlsMaterial } from '../../src/tls/material.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const page = readFileSync(new URL('../../../docs/security.md', import.meta.url), 'utf8');

function whyNoOpenssl(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'there is no openssl';
  }
}

test('the commands of docs/security.md make certificates that a node takes', { skip: whyNoOpenssl() }, (t) => {
  const [, commands] = /```sh\n(openssl[^]*?)```/.exec(page) ?? assert.fail('the page has no commands');
  const directory = temporaryDirectory(t);
  execFileSync('sh', ['-e', '-c', commands ?? ''], { cwd: directory, stdio: 'pipe' });
  const path = (name: string): string => join(directory, name);
  const { cert, ca } = readTlsMaterial({ cert: path('node.pem'), key: path('node-key.pem'), ca: path('ca.pem') });
  const node = new X509Certificate(cert);
  assert.ok(node.verify(new X509Certificate(ca).publicKey));
  assert.equal(node.checkHost('node1.example'), 'node1.example');
});
