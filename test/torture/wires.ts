/**
 * What stands between nodes: each listens on an address of its own, and the others know it by another one, where a proxy
 * takes their connections. A way from one node to another can be held: what is sent that way waits, as if packets were lost,
 * and comes late or never. A pair can be refused: its connections end and no others are made.
 */
import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { CutKind } from './faults.ts';

export interface WiredNode {
  /** Where it listens, and its connections come from. */
  readonly address: string;
  /** Where the others find it. */
  readonly front: string;
  readonly ports: readonly number[];
}

export interface Cut {
  readonly from: number;
  readonly to: number;
  readonly how: CutKind;
  readonly held: 'late' | 'lost';
}

export class Wires {
  readonly #nodes: readonly WiredNode[];
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  readonly #cuts = new Set<Cut>();

  private constructor(nodes: readonly WiredNode[]) {
    this.#nodes = nodes;
  }

  static async open(nodes: readonly WiredNode[]): Promise<Wires> {
    const wires = new Wires(nodes);
    for (const [to, { front, ports }] of nodes.entries()) {
      for (const port of ports) {
        const server = createServer({ allowHalfOpen: true }, (socket) => wires.#take(socket, to, port));
        wires.#servers.push(server);
        server.listen(port, front);
        await once(server, 'listening');
      }
    }
    return wires;
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#connections.size;
  }

  /** Connections with something that is held back. */
  get holding(): number {
    return [...this.#connections].filter(({ holds }) => holds).length;
  }

  /** Cuts; the way back is to be called once. */
  cut(cut: Cut): () => void {
    this.#cuts.add(cut);
    if (cut.how === 'refused') for (const one of this.#between(cut)) one.end();
    return () => {
      this.#cuts.delete(cut);
      for (const one of this.#between(cut)) {
        if (cut.held === 'lost' && one.holds) one.end();
        else one.release();
      }
    };
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    await Promise.all(
      this.#servers.map(async (server) => {
        server.close();
        if (server.listening) await once(server, 'close');
      }),
    );
  }

  #between({ from, to }: Cut): Connection[] {
    return [...this.#connections].filter(
      (one) => (one.from === from && one.to === to) || (one.from === to && one.to === from),
    );
  }

  #take(socket: Socket, to: number, port: number): void {
    const from = this.#nodes.findIndex(({ address }) => address === socket.remoteAddress);
    const isRefused = [...this.#cuts].some((cut) => cut.how === 'refused' && joins(cut, from, to));
    if (isRefused) {
      socket.on('error', () => {}).resetAndDestroy();
      return;
    }
    const { address } = this.#nodes[to] as WiredNode;
    const further = connect({ host: address, port, allowHalfOpen: true });
    const connection = new Connection({ from, to, socket, further }, (sender, receiver) =>
      this.#isHeld(sender, receiver),
    );
    this.#connections.add(connection);
    connection.ended.then(
      () => this.#connections.delete(connection),
      () => {},
    );
  }

  #isHeld(sender: number, receiver: number): boolean {
    return [...this.#cuts].some(({ from, to, how }) => {
      if (how === 'one-way') return sender === from && receiver === to;
      return how === 'both-ways' && joins({ from, to }, sender, receiver);
    });
  }
}

function joins({ from, to }: Pick<Cut, 'from' | 'to'>, one: number, other: number): boolean {
  return (from === one && to === other) || (from === other && to === one);
}

type IsHeld = (sender: number, receiver: number) => boolean;

interface Ends {
  readonly from: number;
  readonly to: number;
  readonly socket: Socket;
  readonly further: Socket;
}

class Connection {
  readonly from: number;
  readonly to: number;
  readonly ended: Promise<unknown>;
  readonly #ends: Ends;
  readonly #ways: readonly Way[];

  constructor(ends: Ends, isHeld: IsHeld) {
    const { from, to, socket, further } = ends;
    [this.#ends, this.from, this.to] = [ends, from, to];
    for (const one of [socket, further]) one.setNoDelay(true).on('error', () => {});
    this.#ways = [new Way(socket, further, () => isHeld(from, to)), new Way(further, socket, () => isHeld(to, from))];
    this.ended = Promise.all([socket, further].map((one) => new Promise((resolve) => one.once('close', resolve))));
  }

  get holds(): boolean {
    return this.#ways.some(({ holds }) => holds);
  }

  release(): void {
    for (const way of this.#ways) way.release();
  }

  end(): void {
    for (const socket of [this.#ends.socket, this.#ends.further]) socket.resetAndDestroy();
  }
}

/** What one socket sends goes out at the other one, unless it is held. */
class Way {
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #isHeld: () => boolean;
  /** What came while the way was held, in order. */
  #waiting: (Buffer | 'end' | 'close')[] = [];

  constructor(source: Socket, target: Socket, isHeld: () => boolean) {
    [this.#source, this.#target, this.#isHeld] = [source, target, isHeld];
    source.on('data', (bytes) => this.#pass(bytes));
    source.on('end', () => this.#pass('end'));
    source.on('close', () => this.#pass('close'));
    target.on('drain', () => {
      if (!this.#isHeld()) source.resume();
    });
  }

  get holds(): boolean {
    return this.#waiting.length > 0;
  }

  release(): void {
    if (this.#isHeld()) return;
    for (const one of this.#waiting.splice(0)) this.#send(one);
    this.#source.resume();
  }

  #pass(one: Buffer | 'end' | 'close'): void {
    if (this.#isHeld() || this.holds) {
      this.#waiting.push(one);
      // The system holds the rest, and the sender meets a full window, as it would.
      this.#source.pause();
    } else {
      this.#send(one);
    }
  }

  #send(one: Buffer | 'end' | 'close'): void {
    if (this.#target.destroyed) return;
    if (one === 'end') this.#target.end();
    else if (one === 'close') this.#target.destroySoon();
    else if (!this.#target.write(one)) this.#source.pause();
  }
}
