/** Finds out at which address a URL's name answers, before load is put on it. */
import { connect } from 'node:net';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import type { Address } from './http-connection.ts';

const connectMsMax = 5000;

/** `localhost` has two addresses, of which one may have no node. Throws `node-unreachable`. */
export async function reach(url: string): Promise<Address> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(port || 80), timeout: connectMsMax });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
      socket.once('timeout', () => reject(new Error('no connection in time')));
    });
    return { host: socket.remoteAddress ?? host, port: Number(port || 80) };
  } catch (error) {
    const reason = codeOf(error) === 'ECONNREFUSED' ? 'connection refused' : messageOf(error) || codeOf(error);
    throw new KvorumError('node-unreachable', `Cannot reach ${url}: ${reason}`, { cause: error });
  } finally {
    socket.destroy();
  }
}
