/**
 * Accepted connections, read into one buffer that they share.
 *
 * A `net.Socket` reads into a buffer of its owner's if it is made with the option `onread`; as a stream it takes
 * 64 KiB of new memory for each read and queues what came, which is a third of what a request costs Node's network
 * layer (docs/decisions/012-one-read-buffer.md). Node gives the option to sockets that connect, not to those that a
 * server accepts; so the accepted socket's handle is given to a socket with the option. The handle is not a documented
 * part of Node: if it is not as it is in Node 20 to 25, the connection is read as a stream. So is one of TLS, whose bytes are
 * copied out of their records in any case.
 */
import { Buffer } from 'node:buffer';
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { TurnShare } from '../domain/turn-share.ts';

/** What is read at a time, as a stream does; larger than any head. */
const READ_BYTES = 64 * 1024;
/**
 * Full reads of all connections in one turn, about 2 ms; each connection that sends more waits for the next one. libuv
 * alone would read 32 times from each: 16 clients that sent 16 MiB each held up the main thread for 30 to 90 ms.
 */
const TURN_READS_MAX = 16;

/** What one read of a stream of TLS brings at most: a record. */
const RECORD_BYTES = 16 * 1024;
/** Records make up as many bytes a turn as full reads do. */
const TURN_RECORDS_MAX = (TURN_READS_MAX * READ_BYTES) / RECORD_BYTES;

/** Called with what came; the bytes may change once it returns. */
export type OnBytes = (bytes: Buffer) => void;

interface Handle {
  readonly useUserBuffer?: unknown;
}

interface ReadingSocketOptions extends SocketConstructorOpts {
  readonly handle: Handle;
  readonly onread: OnReadOpts;
}

export class ReadBuffer {
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #reads = new TurnShare(TURN_READS_MAX, setImmediate);
  readonly #records = new TurnShare(TURN_RECORDS_MAX, setImmediate);

  /** Begins to read a socket that its server accepted with `pauseOnConnect`; returns the socket to use in its place. */
  read(accepted: Socket, onBytes: OnBytes): Socket {
    const handle = takeHandle(accepted);
    if (handle === undefined) {
      accepted.on('data', onBytes);
      return accepted.resume();
    }
    const options: ReadingSocketOptions = {
      handle,
      allowHalfOpen: accepted.allowHalfOpen,
      onread: {
        buffer: this.#buffer,
        callback: (length) => {
          onBytes(this.#buffer.subarray(0, length));
          return length < READ_BYTES || this.#mayReadOn(socket);
        },
      },
    };
    const socket = new Socket(options);
    // The server counts the socket that it accepted.
    socket.once('close', () => accepted.destroy());
    return socket;
  }

  /** Begins to read a socket of TLS. `resume` goes on reading it, unless its owner does not want that. */
  readRecords(socket: Socket, onBytes: OnBytes, resume: () => void): void {
    socket.on('data', (bytes: Buffer) => {
      onBytes(bytes);
      // Its owner may have paused it by itself, and will resume it.
      if (bytes.length < RECORD_BYTES || this.#records.use() || socket.isPaused()) return;
      socket.pause();
      this.#records.later(resume);
    });
  }

  /** After a full read: whether the socket reads on in this turn. It does in a later one, unless its owner paused it. */
  #mayReadOn(socket: Socket): boolean {
    if (this.#reads.use()) return true;
    this.#reads.later(() => {
      if (!socket.isPaused()) socket.resume();
    });
    return false;
  }
}

function takeHandle(accepted: Socket): Handle | undefined {
  const holder = accepted as { _handle?: Handle | null };
  const handle = holder._handle;
  if (typeof handle?.useUserBuffer !== 'function') return undefined;
  holder._handle = null;
  return handle;
}
