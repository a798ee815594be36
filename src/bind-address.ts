/**
 * Where a node listens, and whether others than this machine's own processes reach it there: then whoever reaches the
 * replica port is a peer, unless peers prove a cluster secret.
 */
import { isIP } from 'node:net';
import { KvorumError } from './diagnostics/errors.ts';
import type { NodeSettings } from './settings/settings.ts';

type Where = Pick<NodeSettings, 'host' | 'self'>;

/** The address to bind; undefined for all interfaces. A node that calls itself by a loopback name is for this machine only. */
export function bindAddress({ host, self }: Where): string | undefined {
  if (host !== undefined) return host;
  const { hostname } = new URL(self);
  if (hostname === '[::1]') return '::1';
  if (hostname === 'localhost') return '127.0.0.1';
  // All of 127.0.0.0/8 is loopback: several nodes of a machine can have the same port.
  return isLoopback(hostname) ? hostname : undefined;
}

/** Whether other machines may be peers of the node without proving anything. */
export function isOpenToAll(settings: Where & Pick<NodeSettings, 'clusterSecret'>): boolean {
  return settings.clusterSecret === '' && isOpenToOthers(settings);
}

/** Whether other machines reach the node. */
export function isOpenToOthers(settings: Where): boolean {
  const address = bindAddress(settings);
  return address === undefined || !isLoopback(address);
}

/** Throws `bad-setting` where a node would be open to all and was not told to be. */
export function assertSafeBind(settings: Where & Pick<NodeSettings, 'clusterSecret' | 'insecure'>): void {
  if (!isOpenToAll(settings) || settings.insecure) return;
  const where = bindAddress(settings) ?? 'all interfaces';
  throw new KvorumError(
    'bad-setting',
    `Cannot listen on ${where} without a cluster secret, since any machine that reaches the node could act as its peer; ` +
      `set KVORUM_CLUSTER_SECRET to the same text on each node, or say --insecure if all machines that ` +
      'reach it are trusted',
  );
}

/** A name that is not an address counts as one only if it is `localhost`: others may resolve to anything. */
function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
