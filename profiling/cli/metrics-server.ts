/** `--metrics-port`: the running bench for Prometheus to read, on loopback. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';

/** Serves what `metrics` says at `/metrics` until it is disposed of. Throws `bad-setting` where the port is taken. */
export async function serveMetrics(port: number, metrics: () => string): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    const isAsked = request.url === '/metrics' && request.method === 'GET';
    response.writeHead(isAsked ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(isAsked ? metrics() : 'Not here: GET /metrics\n');
  });
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    const reason = codeOf(error) === 'EADDRINUSE' ? 'something else listens there' : messageOf(error);
    throw new KvorumError('bad-setting', `Cannot listen on --metrics-port ${port}: ${reason}`, { cause: error });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
