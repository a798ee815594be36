/**
 * Which ports are free. The system is asked before nodes are started: a command can name a taken port at once (a child
 * would only log it), and a measurement can choose ports that nothing else uses.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { codeOf } from './diagnostics/errors.ts';

/** Both addresses of `localhost`: a foreign listener on either would get a part of the clients. */
const loopbackAddresses = ['127.0.0.1', '::1'] as const;
/**
 * Systems choose the local ports of outgoing connections above this range, so no connection takes the port of a node
 * that is stopped and started again.
 */
const firstPort = 12_000;
const lastPort = 31_900;

/** `refused`: another reason than a listener, such as a machine without IPv6 or a port below 1024. */
type PortState = 'free' | 'taken' | 'refused';

/** The first of `ports` that something listens on, or undefined. A port that the system refuses is for the node to explain. */
export async function takenPort(ports: readonly number[], host: string | undefined): Promise<number | undefined> {
  const hosts = host === undefined ? loopbackAddresses : [host];
  const taken = await Promise.all(
    ports.map(async (port) => (await Promise.all(hosts.map((one) => stateOf(port, one)))).includes('taken')),
  );
  return ports[taken.indexOf(true)];
}

/** `count` neighbouring ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = randomInt(firstPort, lastPort);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const states = await Promise.all(ports.map((port) => stateOf(port, '127.0.0.1')));
    if (states.every((state) => state === 'free')) return ports;
  }
}

async function stateOf(port: number, host: string): Promise<PortState> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    return 'free';
  } catch (error) {
    return codeOf(error) === 'EADDRINUSE' ? 'taken' : 'refused';
  } finally {
    server.close();
  }
}
