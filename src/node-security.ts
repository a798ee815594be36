/**
 * What a node shows, whom it trusts and which tokens it knows: read from files at the start, and again when it is told to
 * (SIGHUP). What is read anew counts for connections from then on; what cannot be used is told in the log, and the former
 * stays.
 */
import { readFileSync } from 'node:fs';
import { isOpenToOthers } from './bind-address.ts';
import { KvorumError, messageOf } from './diagnostics/errors.ts';
import type { Log } from './diagnostics/log.ts';
import { SeldomLine } from './diagnostics/seldom.ts';
import { parseGrants, type Grant } from './domain/tokens.ts';
import { TokenGuard } from './http/token-guard.ts';
import type { MetricFamily } from './metrics/metrics.ts';
import type { NodeSettings } from './settings/settings.ts';
import { expiryOf, readTlsMaterial, type TlsMaterial } from './tls/material.ts';

type Files = Pick<NodeSettings, 'tlsCert' | 'tlsKey' | 'tlsCa' | 'tokensFile'>;

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is warned of, at the start and once a day. */
const EXPIRY_WARNING_MS = 14 * DAY_MS;

/** When certificates expire, milliseconds since 1970. */
interface Expiry {
  readonly certificate: number;
  readonly authority: number;
}

export class NodeSecurity {
  readonly tokens: TokenGuard | undefined;
  readonly #files: Files;
  readonly #log: Log;
  readonly #strangers: SeldomLine;
  #tls: TlsMaterial | undefined;
  #expiry: Expiry | undefined;

  /** Reads the files that the settings name. Throws `bad-setting` where one of them cannot be used. */
  constructor(settings: NodeSettings, log: Log) {
    this.#files = settings;
    this.#log = log;
    this.#strangers = new SeldomLine((reason, count) => log.warn('refused client connections', { reason, count }));
    this.#takeTls(readTls(settings));
    this.tokens = settings.tokensFile === undefined ? undefined : new TokenGuard(readGrants(settings.tokensFile));
    if (this.#tls !== undefined) {
      this.#warnOfExpiry();
      // For as long as the process lives, and no reason for it to.
      setInterval(() => this.#warnOfExpiry(), DAY_MS).unref();
    } else if (this.tokens !== undefined && isOpenToOthers(settings)) {
      log.warn('tokens travel as they are, since there is no TLS: whoever reads the network has them');
    }
  }

  /** Undefined where the node speaks without TLS. */
  get tls(): TlsMaterial | undefined {
    return this.#tls;
  }

  /** A client's connection was ended before it said anything in the port's language. */
  readonly noteStranger = (reason: string): void => this.#strangers.note(reason);

  /** Reads the files again; `onTls` is told what came of certificates. Never throws. */
  reload(onTls: (material: TlsMaterial) => void): void {
    this.#attempt('certificates', () => {
      this.#takeTls(readTls(this.#files));
      if (this.#tls === undefined) return;
      onTls(this.#tls);
      const { certificate = 0 } = this.#expiry ?? {};
      this.#log.info('certificates were read again', { expires: new Date(certificate).toISOString() });
      this.#warnOfExpiry();
    });
    this.#attempt('tokens', () => {
      if (this.#files.tokensFile === undefined) return;
      const grants = readGrants(this.#files.tokensFile);
      this.tokens?.use(grants);
      this.#log.info('tokens were read again', { tokens: grants.length });
    });
  }

  families(): MetricFamily[] {
    const expiry = this.#expiry;
    if (expiry === undefined) return this.tokens?.families() ?? [];
    const samples = Object.entries(expiry).map(([of, ms]) => ({ labels: { of }, value: Math.round(ms / 1000) }));
    const name = 'kvorum_tls_expiry_timestamp_seconds';
    const help = "When the node's certificate expires, and the first one of its authorities, since 1970";
    return [{ type: 'gauge', name, help, samples }, ...(this.tokens?.families() ?? [])];
  }

  #takeTls(material: TlsMaterial | undefined): void {
    this.#tls = material;
    if (material === undefined) return;
    this.#expiry = { certificate: expiryOf(material.cert), authority: expiryOf(material.ca) };
  }

  #warnOfExpiry(): void {
    for (const [of, at] of Object.entries(this.#expiry ?? {})) {
      const leftMs = Number(at) - Date.now();
      if (leftMs > EXPIRY_WARNING_MS) continue;
      const word = leftMs < 0 ? 'a certificate has expired' : 'a certificate expires soon';
      this.#log.warn(word, { of, expires: new Date(Number(at)).toISOString() });
    }
  }

  #attempt(what: string, read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#log.error(`new ${what} cannot be used, the former stay`, { error: messageOf(error) });
    }
  }
}

/** Settings have been checked: there are all three files or none. */
function readTls({ tlsCert: cert, tlsKey: key, tlsCa: ca }: Files): TlsMaterial | undefined {
  return cert === undefined || key === undefined || ca === undefined ? undefined : readTlsMaterial({ cert, key, ca });
}

function readGrants(path: string): readonly Grant[] {
  try {
    return parseGrants(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new KvorumError('bad-setting', `Cannot use --tokens-file "${path}": ${messageOf(error)}`, { cause: error });
  }
}
