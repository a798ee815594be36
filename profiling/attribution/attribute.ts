/**
 * Which part of the system a recording's weight belongs to: the nearest frame, from the leaf to the root, that the table
 * of categories knows. Pure.
 *
 * Walked from the root on, that is: a node has its own part, or else that of its caller. `total` counts a sample once for
 * every part that stands anywhere on its stack, `self` for the nearest one only, so selves add up to the whole.
 */
import { categories, isOutsideWork, type Category } from './categories.ts';
import { frameLabel, ownerOf, type Frame } from './frame.ts';
import type { StackTree } from './stack-tree.ts';

export interface CategoryWeight {
  readonly category: Category;
  readonly self: number;
  readonly total: number;
}

export interface Attribution {
  /** Of all samples, idle ones included. In the unit of the recording. */
  readonly weight: number;
  /** Of the samples that are the node's own work: without idle and the profiler. */
  readonly work: number;
  /** One for every category, in the order of the table. */
  readonly categories: readonly CategoryWeight[];
  /** Of the HTTP client and the replica listener: what was spent in Node's and the kernel's sockets below them. */
  readonly network: number;
  /** Of the storage: what was spent in native code below it, where its threads wait for disks and locks. */
  readonly nativeStorage: number;
  /** The heaviest frames that nobody owns, for whoever wants to complete the table. */
  readonly unknown: readonly { readonly label: string; readonly self: number }[];
}

/** Where a node stands: its part, all parts on its stack as bits, and what lies between it and its owner. */
interface Place {
  readonly owner: Category | undefined;
  readonly parts: number;
  readonly isBelowSocket: boolean;
  readonly isNative: boolean;
  /** Nothing called it: `(root)`. */
  readonly isTop: boolean;
  /** Whether Node, V8 or the kernel is on the stack: what nobody of ours called is then theirs. */
  readonly isInternal: boolean;
}

const bits = new Map(categories.map((category, index) => [category, 2 ** index]));
const unknownKept = 20;

export interface AttributeOptions {
  /**
   * What samples in native code below the storage count: less than 1 where its threads waited there for disks and locks,
   * which V8's wall-clock samples cannot tell from work.
   */
  readonly nativeStorageFactor?: number;
}

export function attribute(tree: StackTree, { nativeStorageFactor = 1 }: AttributeOptions = {}): Attribution {
  const self = new Map<Category, number>();
  const total = new Map<Category, number>();
  const unknown = new Map<string, number>();
  const places: Place[] = [];
  let [weight, network, nativeStorage] = [0, 0, 0];
  for (const node of tree) {
    const place = placeOf(node.frame, places[node.parent]);
    places.push(place);
    if (node.self === 0) continue;
    const category = place.owner ?? (place.isInternal ? 'node-internals' : 'unattributed');
    const isNativeStorage = place.isNative && category === 'storage';
    const amount = isNativeStorage ? node.self * nativeStorageFactor : node.self;
    weight += amount;
    add(self, category, amount);
    for (const one of categories) if (hasBit(place.parts, one) || one === category) add(total, one, amount);
    if (category === 'unattributed') add(unknown, frameLabel(node.frame), amount);
    if (place.isBelowSocket && isPeerTraffic(category)) network += amount;
    if (isNativeStorage) nativeStorage += amount;
  }
  return {
    weight,
    work: weight - categories.filter(isOutsideWork).reduce((sum, category) => sum + (self.get(category) ?? 0), 0),
    categories: categories.map((category) => {
      return { category, self: self.get(category) ?? 0, total: total.get(category) ?? 0 };
    }),
    network,
    nativeStorage,
    unknown: heaviest(unknown),
  };
}

export function weightOf({ categories: all }: Attribution, category: Category): CategoryWeight {
  return all.find((one) => one.category === category) ?? { category, self: 0, total: 0 };
}

/** Share of the work that no part could be found for, 0 to 1. */
export function unattributedShare(attribution: Attribution): number {
  return attribution.work === 0 ? 0 : weightOf(attribution, 'unattributed').self / attribution.work;
}

function placeOf(frame: Frame, caller: Place | undefined): Place {
  const own = ownerOf(frame);
  const owner = own ?? caller?.owner;
  const parts = caller?.parts ?? 0;
  return {
    owner,
    parts: own === undefined || hasBit(parts, own) ? parts : parts + (bits.get(own) ?? 0),
    // A frame that sockets call back, of ours or of a package, is not below them.
    isBelowSocket: isSocketFrame(frame) || (isBuiltIn(frame, own) && caller?.isBelowSocket === true),
    isTop: caller === undefined,
    isNative: frame.origin === 'native' || frame.origin === 'kernel',
    isInternal: caller?.isInternal === true || isInternalFrame(frame, caller === undefined || caller.isTop),
  };
}

function isBuiltIn({ origin }: Frame, own: Category | undefined): boolean {
  return own === undefined && origin !== 'project' && origin !== 'package';
}

/**
 * Node's own code, V8's, and what the kernel does without anybody's asking (interrupts) or for the event loop. Not the C
 * library alone: where perf lost the stack below `malloc`, nobody can say whose it was.
 */
export function isInternalFrame({ origin, name, file }: Frame, isOutermost = false): boolean {
  switch (origin) {
    case 'v8':
      return name !== '(root)';
    case 'node':
      return true;
    case 'native':
      // V8 names native functions and not their objects; perf names both.
      return file === '' ? !namelessSymbols.has(name) : internalSymbols.test(name) || file.endsWith('/node');
    case 'kernel':
      return isOutermost || eventLoopCalls.test(name);
    case 'project':
    case 'package':
    case 'other':
      return false;
    default:
      return origin satisfies never;
  }
}

const namelessSymbols = new Set(['(anonymous)', '[unknown]']);
const internalSymbols = /^(?:node::|v8::|v8_|uv_|uv__|Builtins_|llhttp|cppgc::|heap::)|^epoll_p?wait$/;
const eventLoopCalls = /^(?:do_epoll|__x64_sys_epoll|ep_)/;

const socketModules = /^node:(?:net$|internal\/(?:stream_base_commons|net|js_stream_socket)$)/;
const socketSymbols =
  /^(?:writev|writeBuffer|writeLatin1String|writeUtf8String|readStart|readStop|shutdown)$|^uv__(?:read|write|stream|try_write)|^node::(?:LibuvStreamWrap|StreamBase|TCPWrap|StreamResource)/;
const socketCalls = /^(?:__x64_sys_|__sys_|__se_sys_|do_)?(?:tcp_|inet_|sock_|ip_|sendmsg|recvmsg|sendto|recvfrom)/;

function isSocketFrame({ origin, name, file }: Frame): boolean {
  if (origin === 'node') return socketModules.test(file);
  if (origin === 'native') return socketSymbols.test(name);
  return origin === 'kernel' && socketCalls.test(name);
}

function isPeerTraffic(category: Category): boolean {
  return category === 'http-client' || category === 'replica-listener';
}

function hasBit(parts: number, category: Category): boolean {
  return Math.floor(parts / (bits.get(category) ?? 1)) % 2 === 1;
}

function add<Key>(weights: Map<Key, number>, key: Key, weight: number): void {
  weights.set(key, (weights.get(key) ?? 0) + weight);
}

function heaviest(weights: ReadonlyMap<string, number>): { label: string; self: number }[] {
  return [...weights]
    .map(([label, self]) => ({ label, self }))
    .sort((one, other) => other.self - one.self)
    .slice(0, unknownKept);
}
