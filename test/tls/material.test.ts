import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { expiryOf, readTlsMaterial, type TlsFiles } from '../../src/tls/material.ts';
import { certificates, DAY_MS, writeCertificates } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const own = certificates();
const other = certificates();

test('readTlsMaterial() reads what belongs together', (t) => {
  const files = writeCertificates(temporaryDirectory(t), own);
  assert.deepEqual(readTlsMaterial(files), own);
});

for (const [what, change, message] of [
  [
    'a file that is not there',
    (files: TlsFiles) => ({ ...files, ca: '/nowhere/ca.pem' }),
    /--tls-ca "\/nowhere\/ca.pem": ENOENT/,
  ],
  [
    'a file of something else',
    (files: TlsFiles) => ({ ...files, cert: files.key }),
    /--tls-cert .*: it holds no certificate/,
  ],
  ['a certificate where the key should be', (files: TlsFiles) => ({ ...files, key: files.cert }), /--tls-key /],
  [
    'the key of another certificate',
    (files: TlsFiles) => written(files, 'key', other.key),
    /is not the key of the certificate/,
  ],
  [
    'half of a certificate',
    (files: TlsFiles) => written(files, 'cert', own.cert.replace(/\n[^-\n]+\n-/, '\n-')),
    /--tls-cert /,
  ],
] as const) {
  test(`readTlsMaterial() refuses ${what}`, (t) => {
    const files = change(writeCertificates(temporaryDirectory(t), own));
    assert.throws(() => readTlsMaterial(files), { name: 'KvorumError', code: 'bad-setting', message });
  });
}

test('expiryOf() is that of the certificate that ends first', () => {
  const [soon, late] = [certificates(3).ca, certificates(300).ca];
  const days = (expiryOf(`${late}\n${soon}`) - Date.now()) / DAY_MS;
  assert.ok(days > 2.9 && days < 3.1, String(days));
});

function written(files: TlsFiles, what: keyof TlsFiles, text: string): TlsFiles {
  const path = join(files.ca, `../other-${what}.pem`);
  writeFileSync(path, text);
  return { ...files, [what]: path };
}
