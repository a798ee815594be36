/**
 * A frame of a stack, whatever recorded it: V8's profilers, or perf. `ownerOf` asks the table of categories about it.
 */
import {
  kernelTable,
  nativeTable,
  nodeTable,
  objectTable,
  packageTable,
  projectTable,
  v8Table,
  type Owner,
} from './categories.ts';

/**
 * `project`: our own code, by its TypeScript file. `package`: by its path below `node_modules`. `node`: a module of Node.
 * `native`: machine code without a source, by its symbol. `kernel`: the same inside the kernel. `v8`: what is no function,
 * `(idle)`. `other`: JavaScript from anywhere else.
 */
export type FrameOrigin = 'project' | 'package' | 'node' | 'native' | 'kernel' | 'v8' | 'other';

export interface Frame {
  readonly name: string;
  readonly origin: FrameOrigin;
  /**
   * `workers/coordinator/coordinator.ts`, `undici/lib/core/request.js`, `node:net`; of native code the shared object, where it is
   * known; else empty.
   */
  readonly file: string;
  /** From 1; null where it is not known. */
  readonly line: number | null;
}

/** The part that the frame belongs to by itself; undefined where its callers decide. */
export function ownerOf(frame: Frame): Exclude<Owner, 'caller'> | undefined {
  const owner = lookUp(frame);
  return owner === 'caller' ? undefined : owner;
}

/** The part of a file of the project; `caller` where its callers decide, undefined where the table does not know it. */
export function ownerOfFile(path: string): Owner | undefined {
  return longestPrefix(projectTable, path);
}

/** How a frame is written in collapsed stacks and tables. */
export function frameLabel({ name, file, line, origin }: Frame): string {
  if (origin === 'v8' || origin === 'native' || file === '') return name;
  if (origin === 'kernel') return `${name} [kernel]`;
  return `${name} ${file}${line === null ? '' : `:${line}`}`;
}

function lookUp({ origin, name, file }: Frame): Owner | undefined {
  switch (origin) {
    case 'project':
      return ownerOfFile(file);
    case 'package':
      return packageTable[packageOf(file)];
    case 'node':
      return longestPrefix(nodeTable, file);
    case 'v8':
      return v8Table[name];
    case 'native':
      return (
        nativeTable.find(([pattern]) => pattern.test(name))?.[1] ??
        objectTable.find(([part]) => file.includes(part))?.[1]
      );
    case 'kernel':
      return kernelTable.find(([pattern]) => pattern.test(name))?.[1];
    case 'other':
      return undefined;
    default:
      return origin satisfies never;
  }
}

function packageOf(file: string): string {
  const parts = file.split('/');
  return parts.slice(0, file.startsWith('@') ? 2 : 1).join('/');
}

function longestPrefix(table: readonly (readonly [string, Owner])[], text: string): Owner | undefined {
  let found: readonly [string, Owner] | undefined;
  for (const row of table) {
    if (text.startsWith(row[0]) && row[0].length > (found?.[0].length ?? -1)) found = row;
  }
  return found?.[1];
}
