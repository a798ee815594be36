/**
 * Loaded into each thread of a tortured node before all else (`--import`): its connections come from the node's own loopback
 * address, so that whoever stands between two nodes knows whose they are. The system would take 127.0.0.1 for all.
 */
import { Socket } from 'node:net';

type Connect = (this: Socket, ...given: unknown[]) => Socket;

const address = process.env['TORTURE_ADDRESS'];
const connect = Reflect.get(Socket.prototype, 'connect') as Connect;

if (address !== undefined) {
  const connectFrom: Connect = function connectFrom(this: Socket, ...given) {
    const [first] = given;
    // Node's own callers hand on an array of options and callback.
    const options: unknown = Array.isArray(first) ? first[0] : first;
    if (isToAddress(options)) options.localAddress ??= address;
    return connect.apply(this, given);
  };
  Reflect.set(Socket.prototype, 'connect', connectFrom);
}

function isToAddress(options: unknown): options is { port: unknown; localAddress?: string } {
  return typeof options === 'object' && options !== null && 'port' in options && !('path' in options && options.path);
}
