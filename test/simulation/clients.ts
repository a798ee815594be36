/** Clients of a simulated cluster: one request each, given up after a time, and what they saw of it. */
import { Buffer } from 'node:buffer';
import { operationKinds, outcomeCodes } from '../../src/formats/codes.ts';
import { allocateFrame, entryBytes, entryFlags, valueOffset, writeRead, writeWrite } from '../../src/formats/frame.ts';
import { recordKinds } from '../../src/formats/record.ts';
import { visitOutcomes } from '../../src/formats/reply.ts';
import type { ClientOperation } from './history.ts';
import type { Fault, PlannedOperation, Session } from './steps.ts';
import type { LifeView, WorldView } from './parts.ts';

/** A world in which things go wrong. */
interface PlayedWorld extends WorldView {
  happen(fault: Fault): void;
}

export class Clients {
  readonly #world: PlayedWorld;
  /** Who waits for an operation that is not answered. */
  readonly #waiting = new Map<ClientOperation, () => void>();

  constructor(world: PlayedWorld) {
    this.#world = world;
  }

  /** Plays a session from one of its steps on. */
  play(session: Session, index = 0): void {
    const { loop } = this.#world;
    const step = session.steps[index];
    const goOn = (): void => void loop.after(0.01, () => this.play(session, index + 1));
    switch (step?.do) {
      case undefined:
        return undefined;
      case 'operation':
        return this.begin(session.key, step, goOn);
      case 'fault':
        this.#world.happen(step.fault);
        return goOn();
      case 'wait':
        loop.after(step.ms, goOn);
        return undefined;
      default:
        return step satisfies never;
    }
  }

  /** Begins an operation; `ended` is called once, when it is answered or given up. */
  begin(key: string, { node, kind, acksRequired }: Omit<PlannedOperation, 'do'>, ended: () => void = () => {}): void {
    const world = this.#world;
    const { life } = world.nodes[node] ?? {};
    // Nobody listens there.
    if (life?.isAlive !== true) return ended();
    const { operations } = world.history;
    const operation: ClientOperation = {
      id: operations.length,
      kind,
      key,
      node,
      acksRequired,
      isStrict: world.plan.isStrict,
      begin: world.loop.now,
      end: Infinity,
      isDone: false,
      saw: 'missing',
      stamps: [],
    };
    operations.push(operation);
    const givesUpAt = world.loop.now + 2 * world.plan.timeoutMs;
    this.#waiting.set(operation, ended);
    world.loop.at(givesUpAt, () => this.#end(operation));
    life.run(() => {
      // What is given up while its node stands still is not begun (src/dispatch/pulse.ts).
      if (this.#waiting.has(operation)) this.#dispatch(life, operation);
    });
  }

  /** Takes outcomes that have come to a node's main thread: its clients see them now. */
  take(life: LifeView, outcomes: Buffer): void {
    const { history, loop } = this.#world;
    const newest = visitOutcomes(outcomes, (tag, code, _tally, value) => {
      const operation = history.of(tag);
      if (operation === undefined || operation.isDone) return;
      // A client that has given up sees nothing any more.
      if (!this.#waiting.has(operation)) return;
      operation.isDone = code === outcomeCodes.written || code === outcomeCodes.found || code === outcomeCodes.missing;
      operation.end = loop.now;
      if (code === outcomeCodes.found) operation.saw = Number(value.toString());
      this.#end(operation);
    });
    life.clock.see(newest);
  }

  #end(operation: ClientOperation): void {
    const ended = this.#waiting.get(operation);
    this.#waiting.delete(operation);
    ended?.();
  }

  #dispatch(life: LifeView, operation: ClientOperation): void {
    const { isStrict, key, kind, id, acksRequired } = operation;
    const flags = isStrict && this.#world.rules.keepsStrict ? entryFlags.strict : 0;
    const quorum = { acksRequired, replicaCount: 3 };
    const keyBytes = Buffer.from(key);
    const tag = id + 1;
    if (kind === 'read') {
      const frame = allocateFrame(entryBytes(keyBytes.length, undefined));
      writeRead(frame, 0, { tag, kind: operationKinds.read, quorum, flags }, keyBytes);
      return this.#coordinate(life, frame);
    }
    const version = life.clock.stamp();
    if (version === undefined) {
      if (life.clock.skew === undefined) {
        life.clock.whenStampable((end) => {
          if (end === 'stampable') life.run(() => this.#dispatch(life, operation));
        });
      }
      return undefined;
    }
    life.noteStamp(version);
    const value = Buffer.from(kind === 'write' ? String(id) : '');
    const frame = allocateFrame(entryBytes(keyBytes.length, value.length));
    frame.set(value, valueOffset(0, keyBytes.length));
    const nodeId = this.#world.topology.nodes[life.index]?.id ?? 0;
    const stamp = { version, nodeId, kind: kind === 'write' ? recordKinds.value : recordKinds.tombstone };
    const head = { tag, kind: operationKinds.write, quorum, flags };
    writeWrite(frame, 0, head, keyBytes, { stamp, valueBytes: value.length });
    return this.#coordinate(life, frame);
  }

  #coordinate(life: LifeView, frame: Buffer): void {
    life.coordinator.coordinate(frame).then(
      (outcomes) => {
        if (outcomes !== undefined && life.isAlive) this.take(life, outcomes);
      },
      (error: unknown) => this.#world.fail(error),
    );
  }
}
