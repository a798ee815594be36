/**
 * The cluster's nodes as every node sees them: an ordered list of URLs, and for each a 32-bit node id.
 *
 * The id is a hash of the URL, so that all nodes agree on ids, placement and tie-breaks without talking to each other.
 * The list is sorted, so that the order in which `--cluster` names the nodes does not matter.
 */
import { createHash } from 'node:crypto';
import type { NodeId } from '../formats/record.ts';
import { KvorumError } from '../diagnostics/errors.ts';

export interface TopologyNode {
  /** Breaks ties between versions and seeds placement. */
  readonly id: NodeId;
  /** Origin of the node's client port, for example `http://localhost:8080`. */
  readonly url: string;
}

export interface Topology {
  readonly nodes: readonly TopologyNode[];
  readonly selfIndex: number;
}

/** Each peer costs connections, queues and a place in every preference list; past this the design is the wrong one. */
export const nodesMax = 64;

/** What a node is called to people, in directories and reports, after its place in a list of nodes: `n1` is the first. */
export function nodeName(index: number): string {
  return `n${index + 1}`;
}

/** The topology of the node at `self` in a cluster of `urls`. Throws `bad-setting`. */
export function parseTopology(self: string, urls: readonly string[]): Topology {
  const selfUrl = parseNodeUrl(self, 'self');
  const all = urls.map((url) => parseNodeUrl(url, 'cluster')).sort();
  if (all.length > nodesMax) {
    throw new KvorumError('bad-setting', `--cluster names ${all.length} nodes; at most ${nodesMax} are possible`);
  }
  const other = all.find((url) => new URL(url).protocol !== new URL(selfUrl).protocol);
  if (other !== undefined) {
    throw new KvorumError('bad-setting', `--cluster has "${other}" beside "${selfUrl}": all nodes speak TLS, or none`);
  }
  const repeated = all.find((url, index) => url === all[index - 1]);
  if (repeated !== undefined) throw new KvorumError('bad-setting', `--cluster names "${repeated}" twice`);
  const selfIndex = all.indexOf(selfUrl);
  if (selfIndex < 0) {
    throw new KvorumError('bad-setting', `--self "${selfUrl}" is not in --cluster "${all.join(',')}"`);
  }
  const nodes = all.map((url) => ({ id: nodeIdOf(url), url }));
  if (new Set(nodes.map((node) => node.id)).size < nodes.length) {
    throw new KvorumError('bad-setting', 'Two URLs of --cluster have the same 32-bit hash; rename one of the nodes');
  }
  return { nodes, selfIndex };
}

/** The node id of a URL: the first 32 bits of its SHA-256. */
export function nodeIdOf(url: string): NodeId {
  return createHash('sha256').update(url).digest().readUInt32BE(0) || 1;
}

/**
 * A short name for the whole list and how many nodes of it keep each record; peers that disagree on it refuse each other:
 * they would look for a key in different places.
 */
export function topologyDigest(topology: Topology, replicationFactor: number): string {
  const urls = topology.nodes.map((node) => node.url).join(',');
  return createHash('sha256').update(`${replicationFactor} of ${urls}`).digest('hex').slice(0, 16);
}

function parseNodeUrl(text: string, setting: 'self' | 'cluster'): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new KvorumError('bad-setting', `--${setting} "${text}" is not a URL like http://host:port`);
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new KvorumError('bad-setting', `--${setting} "${text}" must be an origin, without path, query or user`);
  }
  return url.origin;
}
