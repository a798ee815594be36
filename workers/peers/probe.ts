/** The probe of a peer: what its client port says it is, and whether that fits to this node. */
import { Buffer } from 'node:buffer';
import { parseJson, textFieldOf } from '../../src/formats/foreign-json.ts';
import { replicaProtocol, type NodeDescription } from '../../src/protocol/nodes.ts';
import type { ClusterMember } from './handshake.ts';
import { peerProblem, type PeerTransport } from './peer-transport.ts';

/** Who the peer must be. */
export interface PeerIdentity {
  readonly id: number;
  readonly url: string;
}

/** Two nodes that are to know each other. */
export interface Acquaintance {
  readonly identity: PeerIdentity;
  /** Who we are, and what we prove to it. */
  readonly self: ClusterMember;
  readonly transport: PeerTransport;
}

/** How long a probe may take, milliseconds. */
export const PROBE_MS_MAX = 1000;
/** A node's description has well under 1 KiB and 6 bytes a port. */
const DESCRIPTION_BYTES_MAX = 16 * 1024;

/** What a probe finds of a peer. */
export interface FoundPeer {
  readonly replicaPorts: readonly number[];
  /** Another number is another process (`Sender.start`). */
  readonly start: number;
}

/** The peer's replica ports and start, or why it cannot be used. */
export async function probe({ identity, self, transport }: Acquaintance): Promise<FoundPeer | string> {
  try {
    const { dispatcher } = transport;
    const signal = AbortSignal.timeout(PROBE_MS_MAX);
    const response = await dispatcher.request({ origin: identity.url, path: '/v0/node', method: 'GET', signal });
    const text = await boundedText(response.body, DESCRIPTION_BYTES_MAX);
    if (response.statusCode !== 200) {
      const detail = textFieldOf(parseJson(text), 'detail');
      return `GET /v0/node answers ${response.statusCode}${detail === undefined ? '' : `: ${detail}`}`;
    }
    const node = JSON.parse(text) as NodeDescription;
    return mismatch(node, identity, self.topology) ?? { replicaPorts: node.replicaPorts, start: node.start };
  } catch (error) {
    return peerProblem(error);
  }
}

function mismatch(node: NodeDescription, identity: PeerIdentity, topology: string): string | undefined {
  if (node.protocol !== replicaProtocol) return `speaks replica protocol ${node.protocol}, not ${replicaProtocol}`;
  if (node.id !== identity.id) return `is node ${node.id}, not ${identity.id}: its --self differs`;
  if (node.topology !== topology) return 'has another --cluster list or --replication-factor';
  if (!Array.isArray(node.replicaPorts) || node.replicaPorts.length === 0) return 'names no replica port';
  if (!node.replicaPorts.every(isPort)) return 'names a replica port that is none';
  return undefined;
}

function isPort(port: unknown): boolean {
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536;
}

/** A body's text. Rejects where it has more bytes than may be. */
async function boundedText(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > bytesMax) throw new Error(`answers GET /v0/node with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
