/** What a node shows and whom it trusts: certificate, key and authority, read from files and checked before anybody uses them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { KvorumError, messageOf } from '../diagnostics/errors.ts';

/** PEM texts; plain data, so that they can go to the workers. */
export interface TlsMaterial {
  /** Certificates of the node: its own first, then those between it and the authority. */
  readonly cert: string;
  readonly key: string;
  /** Certificates of the authorities that sign nodes. */
  readonly ca: string;
}

/** Paths. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** The settings' flags, for messages. */
const flags = { cert: '--tls-cert', key: '--tls-key', ca: '--tls-ca' } as const;

/** Reads and checks what stands in the files. Throws `bad-setting` with the file that is wrong, and why. */
export function readTlsMaterial(files: TlsFiles): TlsMaterial {
  const material = { cert: read(files, 'cert'), key: read(files, 'key'), ca: read(files, 'ca') };
  const own = firstCertificate(files, 'cert', material.cert);
  firstCertificate(files, 'ca', material.ca);
  const isItsKey = parsed(files, 'key', () => own.checkPrivateKey(createPrivateKey(material.key)));
  if (!isItsKey) throw unusable(files, 'key', `it is not the key of the certificate in "${files.cert}"`);
  // What else OpenSSL may refuse: a key that is too short, say.
  parsed(files, 'cert', () => createSecureContext(material));
  return material;
}

/** Reads certificates of authorities. Throws `bad-setting`. */
export function readAuthorities(path: string): string {
  const files = { ca: path, cert: path, key: path };
  const ca = read(files, 'ca');
  firstCertificate(files, 'ca', ca);
  return ca;
}

/** When the first of its certificates that expires does so, milliseconds since 1970. */
export function expiryOf(certificates: string): number {
  return Math.min(...split(certificates).map((text) => Date.parse(new X509Certificate(text).validTo)));
}

function read(files: TlsFiles, what: keyof TlsFiles): string {
  try {
    return readFileSync(files[what], 'utf8');
  } catch (error) {
    throw unusable(files, what, messageOf(error), error);
  }
}

/** The first certificate of several, each of which must be one. */
function firstCertificate(files: TlsFiles, what: 'cert' | 'ca', text: string): X509Certificate {
  const [first] = parsed(files, what, () => split(text).map((one) => new X509Certificate(one)));
  if (first === undefined) throw unusable(files, what, 'it holds no certificate as PEM text');
  return first;
}

function split(certificates: string): readonly string[] {
  return certificates.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

function parsed<T>(files: TlsFiles, what: keyof TlsFiles, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw unusable(files, what, messageOf(error), error);
  }
}

function unusable(files: TlsFiles, what: keyof TlsFiles, reason: string, cause?: unknown): KvorumError {
  return new KvorumError('bad-setting', `Cannot use ${flags[what]} "${files[what]}": ${reason}`, { cause });
}
