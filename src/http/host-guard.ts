/**
 * Which names a node answers to, and which pages may write to it.
 *
 * A node on loopback is out of reach for other machines, but not for the pages that its user's browser shows: a page whose
 * name is made to lead to 127.0.0.1 (DNS rebinding) may read and write as it likes, and any page may send a write without
 * reading the answer. The browser tells on both, by the fields `host` and `origin`.
 */
import { BlockList, isIP } from 'node:net';

export interface HostGuardOptions {
  /** The address that the node listens on; undefined for all. */
  readonly bindHost: string | undefined;
  /** The node's own URL. */
  readonly selfUrl: string;
  /** Further names, without ports. */
  readonly allowedHosts: readonly string[];
}

/** Authorities that passed and are remembered. */
const KNOWN_MAX = 64;
/** In every spelling, also as addresses of IPv6. */
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

export class HostGuard {
  readonly #names: ReadonlySet<string>;
  /** Names whose pages may write, whatever their port: on loopback each port may be somebody else's. */
  readonly #writers: ReadonlySet<string>;
  /** Beyond loopback the names that lead to a node are not known, unless somebody lists them. */
  readonly #asksName: boolean;
  readonly #known = new Set<string>();

  constructor({ bindHost, selfUrl, allowedHosts }: HostGuardOptions) {
    const allowed = allowedHosts.map((host) => nameOf(bracketed(host.toLowerCase())));
    const own = [new URL(selfUrl).host, ...(bindHost === undefined ? [] : [bracketed(bindHost)])].map(nameOf);
    this.#names = new Set([...own, ...allowed]);
    this.#writers = new Set([...own.filter((name) => !isLoopback(name)), ...allowed]);
    this.#asksName = allowedHosts.length > 0 || (bindHost !== undefined && isLoopback(bindHost));
  }

  /** Whether the node answers to `authority`, a name and perhaps a port in lower case; to none it does. */
  answersTo(authority: string): boolean {
    if (!this.#asksName || authority === '' || this.#known.has(authority)) return true;
    if (!this.#isOwn(nameOf(authority))) return false;
    if (this.#known.size < KNOWN_MAX) this.#known.add(authority);
    return true;
  }

  /** Whether a page of `origin`, in lower case, may write through `authority`: one of the same place, or of an allowed one. */
  mayWrite(origin: string, authority: string): boolean {
    const place = /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
    return place !== undefined && (place === authority || this.#writers.has(nameOf(place)));
  }

  #isOwn(name: string): boolean {
    return this.#names.has(name) || isLoopback(name);
  }
}

/** A name without its port and the dot of a full one, or an address without its brackets. */
function nameOf(authority: string): string {
  return authority
    .replace(/:\d*$/, '')
    .replace(/\.$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}

/** An address as it stands in a URL. */
function bracketed(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}

function isLoopback(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  const family = isIP(name);
  return family !== 0 && loopback.check(name, family === 6 ? 'ipv6' : 'ipv4');
}
