/**
 * The load on a tortured cluster: several clients, of which each begins its next operation when the one before has ended, on
 * a few hot keys, some of them with large values, and on keys of strict operations. Those live for so few operations that
 * their order can be searched for.
 */
import { setTimeout } from 'node:timers/promises';
import { largeValueBytes } from '../../src/formats/record.ts';
import { operationsMax } from '../histories/linearizability.ts';
import type { Random } from '../support/random.ts';
import type { Request, TorturingClients } from './client.ts';
import { oneOf } from './plan.ts';

const CLIENTS = 8;
const HOT_KEYS = 5;
const LARGE_KEYS = 2;
/** The others are for reads when everything is put right. */
const OPERATIONS_OF_STRICT_KEY = operationsMax - 8;
const PAUSE_MS_MAX = 40;
/** After an operation that came to nothing, so that a node that is down does not take all of a client's time. */
const AFTER_FAILURE_MS = 50;
const SMALL_BYTES_MIN = 100;

/** Whether all operations of a key are strict ones. */
export function isStrict(key: string): boolean {
  return key.includes(' strict ');
}

export interface LoadOptions {
  readonly clients: TorturingClients;
  readonly nodes: number;
  /** Keys begin with it. */
  readonly name: string;
  readonly random: Random;
  /** Of how many replicas an operation asks for an answer, one of these. */
  readonly acks: readonly number[];
}

export class Load {
  readonly keys = new Set<string>();
  readonly #options: LoadOptions;
  readonly #running: Promise<void>[];
  #isOn = true;
  #strictOperations = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#running = Array.from({ length: CLIENTS }, () => this.#run());
  }

  /** Begins nothing more; resolves when all that was begun has ended. */
  async end(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#running);
  }

  async #run(): Promise<void> {
    const { clients, random } = this.#options;
    while (this.#isOn) {
      const request = this.#draw();
      this.keys.add(request.key);
      const { outcome } = await clients.send(request);
      const isLost = outcome.kind === 'open' || outcome.kind === 'refused';
      await setTimeout(random.below(PAUSE_MS_MAX) + (isLost ? AFTER_FAILURE_MS : 0));
    }
  }

  #draw(): Request {
    const { nodes, name, random, acks } = this.#options;
    const what = random.below(100);
    const node = random.below(nodes);
    const ack = oneOf(random, acks);
    const kind = kindOf(random.below(100));
    const small = SMALL_BYTES_MIN + random.below(600);
    if (what < 25) {
      const count = Math.floor(this.#strictOperations++ / OPERATIONS_OF_STRICT_KEY);
      return { kind, key: `${name} strict ${count}`, node, ack, isStrict: true, valueBytes: small };
    }
    if (what < 32) {
      const valueBytes = largeValueBytes + 1 + random.below(400_000);
      return { kind, key: `${name} large ${random.below(LARGE_KEYS)}`, node, ack, isStrict: false, valueBytes };
    }
    return { kind, key: `${name} hot ${random.below(HOT_KEYS)}`, node, ack, isStrict: false, valueBytes: small };
  }
}

function kindOf(dice: number): Request['kind'] {
  if (dice < 45) return 'read';
  return dice < 88 ? 'write' : 'delete';
}
