/**
 * What another store says of itself: version, how durable an acknowledged write is, who belongs to it, and what CPU and
 * memory its processes have used, so that costs can stand beside Kvorum's.
 */
import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import { codeOf, KvorumError, messageOf } from '../../src/diagnostics/errors.ts';
import { listFieldOf, parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import { question } from '../cluster/node-client.ts';
import { readMetrics } from '../cluster/node-metrics.ts';
import type { NodeObservation } from '../cluster/observation.ts';
import type { NodeObserver } from '../cluster/observer.ts';
import type { Peer } from './peer.ts';
import { command, readReply, type Reply } from './resp.ts';

export interface PeerDescription {
  /** `redis 7.0.15`. */
  readonly version: string;
  /** What an acknowledged write has outlived, in the store's own words. */
  readonly durability: string;
  /** URLs of all its processes, the one that gets the load first. */
  readonly members: readonly string[];
}

interface ProcessReading {
  readonly cpuUs: number;
  readonly residentBytes: number | null;
}

const askMsMax = 5000;

/** Throws `node-unreachable` where it does not answer as such a store does, `bad-setting` where it has too few replicas. */
export async function describePeer(peer: Peer): Promise<PeerDescription> {
  return peer.protocol.kind === 'etcd' ? describeEtcd(peer) : describeRedis(peer, peer.protocol.waitReplicas);
}

/** CPU and memory of the store's processes over a window; null where one of them does not tell. */
export function observePeer({ protocol }: Peer, { members }: PeerDescription): NodeObserver {
  const read = protocol.kind === 'etcd' ? readEtcd : readRedis;
  const readAll = (): Promise<(ProcessReading | null)[]> =>
    Promise.all(members.map((url) => read(url).catch(() => null)));
  let before: readonly (ProcessReading | null)[] = [];
  return {
    begin: async () => {
      before = await readAll();
    },
    end: async () => {
      const after = await readAll();
      return members.map((url, index): NodeObservation => {
        const [first, last] = [before[index] ?? null, after[index] ?? null];
        const cpuUs = first === null || last === null ? null : last.cpuUs - first.cpuUs;
        return {
          url,
          pid: null,
          threads: null,
          ...(cpuUs !== null && { cpuUs }),
          residentBytesMax: last?.residentBytes ?? null,
          peerBytesSent: null,
          peerBytesReceived: null,
          series: [],
        };
      });
    },
  };
}

async function describeEtcd({ url }: Peer): Promise<PeerDescription> {
  const version = textFieldOf(parseJson(await askEtcd(url, '/version')), 'etcdserver');
  if (version === undefined) throw new KvorumError('node-unreachable', `${url} is no etcd: /version does not name one`);
  const listed = parseJson(await askEtcd(url, '/v3/cluster/member/list', '{}'));
  const members = listFieldOf(listed, 'members').flatMap((member) => {
    const [first] = listFieldOf(member, 'clientURLs');
    return typeof first === 'string' ? [first] : [];
  });
  return {
    version: `etcd ${version}`,
    // It does not tell whether it was started with --unsafe-no-fsync.
    durability: `fsync, majority of ${members.length}`,
    members: [url, ...members.filter((member) => !isSamePort(member, url))],
  };
}

function isSamePort(one: string, other: string): boolean {
  return new URL(one).port === new URL(other).port;
}

async function askEtcd(url: string, path: string, body?: string): Promise<string> {
  try {
    const asked = body === undefined ? {} : { method: 'POST', body };
    return (await question(url, path, { ...asked, timeoutMs: askMsMax, isAnonymous: true })).body;
  } catch (error) {
    throw unreachable(url, error);
  }
}

async function readEtcd(url: string): Promise<ProcessReading | null> {
  const reading = readMetrics(await askEtcd(url, '/metrics'), 0);
  if (reading === null || reading.cpuSeconds === null) return null;
  return { cpuUs: reading.cpuSeconds * 1e6, residentBytes: reading.residentBytes };
}

async function describeRedis({ url }: Peer, waitReplicas: number): Promise<PeerDescription> {
  const [info, only, sync] = await askRedis(url, [
    ['INFO'],
    ['CONFIG', 'GET', 'appendonly'],
    ['CONFIG', 'GET', 'appendfsync'],
  ]);
  if (info?.kind === 'error') throw new KvorumError('node-unreachable', `${url} answers: ${info.text}`);
  const fields = infoFields(info);
  const version = fields.get('redis_version');
  if (version === undefined) throw new KvorumError('node-unreachable', `${url} is no Redis: INFO names no version`);
  const replicas = [...fields].flatMap(([name, value]) => {
    const [, host, port] = /^ip=([^,]+),port=(\d+),state=online/.exec(value) ?? [];
    return /^slave\d+$/.test(name) && host !== undefined ? [`http://${host}:${port}`] : [];
  });
  if (replicas.length < waitReplicas) {
    const has = `${url} has ${replicas.length} replicas online, so no SET reaches ${waitReplicas}`;
    throw new KvorumError('bad-setting', `${has}: connect replicas, or give a smaller --redis-wait`);
  }
  const waited = waitReplicas === 0 ? 'no WAIT' : `WAIT ${waitReplicas}`;
  return {
    version: `redis ${version}`,
    durability:
      only === undefined || valueOf(only) !== 'yes'
        ? `appendonly ${valueOf(only)}, ${waited}`
        : `appendfsync ${valueOf(sync)}, ${waited}`,
    members: [url, ...replicas],
  };
}

async function readRedis(url: string): Promise<ProcessReading | null> {
  const [info] = await askRedis(url, [['INFO']]);
  const fields = infoFields(info);
  const [user, system] = [Number(fields.get('used_cpu_user')), Number(fields.get('used_cpu_sys'))];
  const residentBytes = Number(fields.get('used_memory_rss'));
  if (!Number.isFinite(user + system)) return null;
  return { cpuUs: (user + system) * 1e6, residentBytes: Number.isFinite(residentBytes) ? residentBytes : null };
}

/** `name:value` lines. */
function infoFields(info: Reply | undefined): ReadonlyMap<string, string> {
  const text = info?.kind === 'bulk' ? (info.bytes?.toString('utf8') ?? '') : '';
  return new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]));
}

/** Of `CONFIG GET`, which a server may forbid. */
function valueOf(reply: Reply | undefined): string {
  const value = reply?.kind === 'list' ? reply.items[1] : undefined;
  return value?.kind === 'bulk' && value.bytes !== null ? value.bytes.toString('utf8') : 'not told';
}

/** The replies, in the order of the commands. */
async function askRedis(url: string, commands: readonly (readonly string[])[]): Promise<Reply[]> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) });
  socket.setTimeout(askMsMax, () => socket.destroy(new Error('no answer in time')));
  try {
    socket.write(commands.map((args) => command(...args)).join(''));
    const replies: Reply[] = [];
    let rest = Buffer.alloc(0);
    for await (const chunk of socket) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      for (let read = readReply(rest, 0); read !== undefined; read = readReply(rest, 0)) {
        replies.push(read.reply);
        rest = rest.subarray(read.next);
      }
      if (replies.length >= commands.length) return replies;
    }
    throw new Error('it closed the connection');
  } catch (error) {
    throw unreachable(url, error);
  } finally {
    socket.destroy();
  }
}

function unreachable(url: string, error: unknown): KvorumError {
  const reason = codeOf(error) === 'ECONNREFUSED' ? 'connection refused' : messageOf(error) || codeOf(error);
  return new KvorumError('node-unreachable', `Cannot reach ${url}: ${reason}`, { cause: error });
}
