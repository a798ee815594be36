/**
 * Certificates to try TLS with: an authority whose key is forgotten as soon as it has signed, and one certificate for all
 * nodes of a machine. For `kvorum up --tls` and tests; for anything else an authority is kept somewhere safe and signs a
 * certificate for each node.
 *
 * Node makes keys and signatures, and no certificates (RFC 5280); the bytes around them are few, so they are written here
 * (docs/decisions/023-tls-and-tokens.md).
 */
import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { bitString, der, integer, objectIdentifier, sequence, tagged, tags, time } from '../formats/der.ts';
import type { TlsMaterial } from './material.ts';

export interface ThrowAwayOptions {
  /** Names and addresses that the certificate is for. */
  readonly hosts: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Certificate, key and authority for nodes at `hosts`. */
export function throwAwayCertificates({ hosts, notBefore, notAfter }: ThrowAwayOptions): TlsMaterial {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const node = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const between = { notBefore, notAfter, issuer: 'Kvorum throw-away authority', signer: authority };
  const ca = certificate({
    ...between,
    subject: between.issuer,
    publicKey: authority.publicKey,
    extensions: [
      extension(oids.basicConstraints, sequence(der(tags.boolean, Buffer.from([255]))), 'critical'),
      // To sign certificates, and lists of revoked ones.
      extension(oids.keyUsage, bitString(Buffer.from([0b110]), 1), 'critical'),
    ],
  });
  const cert = certificate({
    ...between,
    subject: 'Kvorum node',
    publicKey: node.publicKey,
    extensions: [
      extension(oids.basicConstraints, sequence(), 'critical'),
      // To sign handshakes.
      extension(oids.keyUsage, bitString(Buffer.from([0b1000_0000]), 7), 'critical'),
      extension(oids.extendedKeyUsage, sequence(oids.serverAuth, oids.clientAuth)),
      extension(oids.subjectAltName, sequence(...hosts.map(nameOf))),
    ],
  });
  return { cert, ca, key: node.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

const oids = {
  ecdsaWithSha256: objectIdentifier('1.2.840.10045.4.3.2'),
  commonName: objectIdentifier('2.5.4.3'),
  subjectKeyIdentifier: objectIdentifier('2.5.29.14'),
  keyUsage: objectIdentifier('2.5.29.15'),
  subjectAltName: objectIdentifier('2.5.29.17'),
  basicConstraints: objectIdentifier('2.5.29.19'),
  authorityKeyIdentifier: objectIdentifier('2.5.29.35'),
  extendedKeyUsage: objectIdentifier('2.5.29.37'),
  serverAuth: objectIdentifier('1.3.6.1.5.5.7.3.1'),
  clientAuth: objectIdentifier('1.3.6.1.5.5.7.3.2'),
};

interface CertificateParts {
  readonly issuer: string;
  readonly signer: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}

/** A signed certificate, as PEM. */
function certificate({
  issuer,
  signer,
  subject,
  publicKey,
  notBefore,
  notAfter,
  extensions,
}: CertificateParts): string {
  const algorithm = sequence(oids.ecdsaWithSha256);
  const version3 = tagged(0, integer(Buffer.from([2])));
  const keyIdentifiers = [
    extension(oids.subjectKeyIdentifier, der(tags.octetString, keyIdentifier(publicKey))),
    extension(oids.authorityKeyIdentifier, sequence(der(0x80, keyIdentifier(signer.publicKey)))),
  ];
  const signed = sequence(
    version3,
    integer(randomBytes(16)),
    algorithm,
    distinguishedName(issuer),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions, ...keyIdentifiers)),
  );
  return pem(sequence(signed, algorithm, bitString(sign('sha256', signed, signer.privateKey))));
}

function extension(oid: Buffer, value: Buffer, weight: 'critical' | 'advisory' = 'advisory'): Buffer {
  const critical = weight === 'critical' ? [der(tags.boolean, Buffer.from([255]))] : [];
  return sequence(oid, ...critical, der(tags.octetString, value));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(tags.set, sequence(oids.commonName, der(tags.utf8String, Buffer.from(commonName)))));
}

/** Any text that tells keys apart will do (RFC 5280 section 4.2.1.2). */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

/** One of a certificate's alternative names: a DNS name or an address. */
function nameOf(host: string): Buffer {
  return isIP(host) === 0 ? der(0x82, Buffer.from(host)) : der(0x87, addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
