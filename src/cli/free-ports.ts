/**
 * Whether ports are free, asked before nodes are started on them, so that the answer names the port instead of standing
 * in the log of a child.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { codeOf } from '../domain/errors.ts';

/** Both addresses of `localhost`: a foreign listener on either would get a part of the clients. */
const loopbackAddresses = ['127.0.0.1', '::1'] as const;

/** The first of `ports` that something listens on, or undefined. */
export async function takenPort(ports: readonly number[], host: string | undefined): Promise<number | undefined> {
  const hosts = host === undefined ? loopbackAddresses : [host];
  const taken = await Promise.all(
    ports.map(async (port) => (await Promise.all(hosts.map((one) => isTaken(port, one)))).includes(true)),
  );
  return ports[taken.indexOf(true)];
}

async function isTaken(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    return false;
  } catch (error) {
    // Other failures, such as a machine without IPv6 or a port below 1024, are for the node to explain.
    return codeOf(error) === 'EADDRINUSE';
  } finally {
    server.close();
  }
}
