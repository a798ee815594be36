/**
 * A profile in the format of pprof (github.com/google/pprof, proto/profile.proto): gzip around one protobuf message, which
 * `go tool pprof`, Grafana, Pyroscope and Parca read. All nodes, threads and loads are in one file, told apart by labels;
 * each kind of recording is a type of value (`-sample_index=cpu`).
 *
 * Own code, since of the format's fields a dozen are used, and writing needs varints and lengths only.
 */
import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { isOutsideWork } from '../attribution/categories.ts';
import { ownerOf, type Frame } from '../attribution/frame.ts';
import type { FlameKind, FlameSource } from './flame-data.ts';

export interface PprofSource extends FlameSource {
  /** The load that it was recorded under: `put`. */
  readonly op: string;
}

export interface PprofOptions {
  /** Milliseconds since 1970. */
  readonly startedMs: number;
}

/** Name and unit of the values, and what a weight of ours is in it. */
const valueTypes: Readonly<
  Record<FlameKind, { readonly type: string; readonly unit: string; readonly factor: number }>
> = {
  cpu: { type: 'cpu', unit: 'nanoseconds', factor: 1000 },
  native: { type: 'perf', unit: 'samples', factor: 1 },
  allocation: { type: 'alloc_space', unit: 'bytes', factor: 1 },
};
const kinds = Object.keys(valueTypes) as readonly FlameKind[];

/** Idle time and the profiler's own are left out, as in collapsed stacks. */
export function pprofOf(sources: readonly PprofSource[], { startedMs }: PprofOptions): Uint8Array {
  return gzipSync(new Writer().write(sources, startedMs));
}

class Writer {
  readonly #strings = new Map<string, number>([['', 0]]);
  /** By function and line; numbered from 1. */
  readonly #locations = new Map<string, number>();
  readonly #functions = new Map<string, number>();
  readonly #parts: Buffer[] = [];

  write(sources: readonly PprofSource[], startedMs: number): Buffer {
    const used = kinds.filter((kind) => sources.some((source) => source.kind === kind));
    for (const kind of used) {
      const { type, unit } = valueTypes[kind];
      this.#parts.push(bytesField(1, [intField(1, this.#string(type)), intField(2, this.#string(unit))]));
    }
    for (const source of sources) this.#samples(source, used);
    const period = [intField(1, this.#string('cpu')), intField(2, this.#string('nanoseconds'))];
    const tail = [intField(9, startedMs * 1e6), bytesField(11, period)];
    // After all else is written, since writing finds the strings.
    const strings = [...this.#strings.keys()].map((text) => bytesField(6, [Buffer.from(text, 'utf8')]));
    return Buffer.concat([...this.#parts, ...tail, ...strings]);
  }

  #samples({ kind, node, thread, op, tree }: PprofSource, used: readonly FlameKind[]): void {
    const labels = { node, thread, load: op };
    const labelFields = Object.entries(labels).map(([key, text]) =>
      bytesField(3, [intField(1, this.#string(key)), intField(2, this.#string(text))]),
    );
    const stacks: (readonly number[] | undefined)[] = [];
    for (const { frame, parent, self } of tree) {
      const stack = this.#stack(stacks[parent], frame, parent);
      stacks.push(stack);
      const value = Math.round(self * valueTypes[kind].factor);
      if (stack === undefined || stack.length === 0 || value <= 0) continue;
      const values = used.map((one) => (one === kind ? value : 0));
      // The leaf comes first.
      const ids = packedField(1, stack.toReversed());
      this.#parts.push(bytesField(2, [ids, packedField(2, values), ...labelFields]));
    }
  }

  /** From the root on; undefined below what is no work of the node. The root itself is no function. */
  #stack(caller: readonly number[] | undefined, frame: Frame, parent: number): readonly number[] | undefined {
    if (parent < 0) return [];
    if (caller === undefined || isOutsideWork(ownerOf(frame))) return undefined;
    return [...caller, this.#location(frame)];
  }

  #location(frame: Frame): number {
    const key = JSON.stringify([frame.name, frame.file, frame.line]);
    const known = this.#locations.get(key);
    if (known !== undefined) return known;
    const id = this.#locations.size + 1;
    this.#locations.set(key, id);
    const line = [intField(1, this.#function(frame)), intField(2, frame.line ?? 0)];
    this.#parts.push(bytesField(4, [intField(1, id), bytesField(4, line)]));
    return id;
  }

  #function({ name, file, line }: Frame): number {
    const key = JSON.stringify([name, file, line]);
    const known = this.#functions.get(key);
    if (known !== undefined) return known;
    const id = this.#functions.size + 1;
    this.#functions.set(key, id);
    const title = this.#string(name === '' ? '(anonymous)' : name);
    const fields = [intField(1, id), intField(2, title), intField(3, title), intField(4, this.#string(file))];
    this.#parts.push(bytesField(5, [...fields, intField(5, line ?? 0)]));
    return id;
  }

  #string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    this.#strings.set(text, this.#strings.size);
    return this.#strings.size - 1;
  }
}

function intField(field: number, value: number): Buffer {
  return Buffer.from([...varint(field * 8), ...varint(value)]);
}

/** A message or a string. */
function bytesField(field: number, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(length)]), ...parts]);
}

/** Several integers. */
function packedField(field: number, values: readonly number[]): Buffer {
  return bytesField(field, [Buffer.from(values.flatMap(varint))]);
}

/** Seven bits a byte, the lowest first; beyond 32 bits no shift does. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}
