/**
 * A storage adapter for keyv (keyv.org), versions 5 and 6: `new Keyv({ store: new KvorumKeyv('http://localhost:8080') })`.
 *
 * keyv puts its namespace before each key and makes text of each value, so that keys of several namespaces live in one
 * cluster. The time to live goes to the nodes, which forget the value by themselves.
 */
import { KvorumClientError } from './client-error.ts';
import { connect, type ConnectOptions, type KvorumClient } from './client.ts';

type Listener = (error: unknown) => void;

/** As many keys are deleted at a time. */
const DELETIONS_MAX = 16;
/** A value that begins with a byte order mark keeps it. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class KvorumKeyv {
  /** Set by keyv 5. It is declared only: where an adapter has it from the start, keyv 6 leaves the prefixes to the adapter. */
  declare namespace?: string | undefined;
  /** keyv looks here for what it knows of an adapter. */
  readonly opts: { url: string; dialect: string; [name: string]: unknown };
  readonly client: KvorumClient;
  readonly #listeners = new Set<Listener>();

  /** Throws `bad-argument`. */
  constructor(urls: string | readonly string[], options: ConnectOptions = {}) {
    this.client = connect(urls, options);
    this.opts = { url: String(urls), dialect: 'kvorum' };
  }

  /** `error` tells of failed reads, which keyv takes for misses; it tells of failed writes itself. */
  on(event: string, listener: Listener): this {
    if (event === 'error') this.#listeners.add(listener);
    return this;
  }

  async get(key: string): Promise<string | undefined> {
    try {
      const found = await this.client.get(key);
      return found === undefined ? undefined : decoder.decode(found.value);
    } catch (error) {
      for (const listener of this.#listeners) listener(error);
      throw error;
    }
  }

  /** `ttl` in milliseconds. Throws `bad-argument` where keyv was told to make no text of values. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    if (typeof value !== 'string') throw badArgument('A value is no text; leave the serializer of keyv as it is');
    await this.client.put(key, value, { ttlMs: ttl === undefined ? undefined : Math.ceil(ttl) });
    return true;
  }

  /** Whether there was something to delete, as of the moment before. It is deleted in any case. */
  async delete(key: string): Promise<boolean> {
    const found = await this.client.head(key);
    await this.client.del(key);
    return found !== undefined;
  }

  async has(key: string): Promise<boolean> {
    return (await this.client.head(key)) !== undefined;
  }

  /** Deletes the keys of the namespace. Throws `bad-argument` if there is none: it would empty the cluster. */
  async clear(): Promise<void> {
    const { namespace } = this;
    if (!namespace) throw badArgument('Without a namespace every key of the cluster would be deleted; give keyv one');
    let keys: string[] = [];
    for await (const { key } of this.client.keys(boundsOf(namespace))) {
      keys.push(key);
      if (keys.length < DELETIONS_MAX) continue;
      await this.#deleteAll(keys);
      keys = [];
    }
    await this.#deleteAll(keys);
  }

  async #deleteAll(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => this.client.del(key)));
  }

  /** The entries of a namespace, or of all, with the prefixes of their keys. */
  async *iterator(namespace?: string): AsyncGenerator<[key: string, value: string], void, undefined> {
    for await (const { key, value } of this.client.range(boundsOf(namespace))) yield [key, decoder.decode(value)];
  }
}

/** All keys with the prefix `NAMESPACE:`; a semicolon follows the colon in the order of bytes. */
function boundsOf(namespace: string | undefined): { start?: string; end?: string } {
  return namespace ? { start: `${namespace}:`, end: `${namespace};` } : {};
}

function badArgument(reason: string): KvorumClientError {
  return new KvorumClientError('bad-argument', { reason });
}
