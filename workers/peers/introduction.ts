/**
 * How nodes meet: each tells the other what its store is and what it knows of the other's (src/domain/standing.ts), before any
 * frame travels between them and again whenever that changes. Both keep what they hear on the disk first.
 *
 *   POST /introduction  takes a claim and answers with one; 409 and a reason where somebody else is who the asker claims to be
 */
import type { Buffer } from 'node:buffer';
import type { Pool } from 'undici';
import { messageOf } from '../../src/diagnostics/errors.ts';
import { parseClaim } from '../../src/domain/claim.ts';
import type { Claim } from '../../src/domain/node-claim.ts';
import { parseJson } from '../../src/formats/foreign-json.ts';
import { replicaPaths, type NodeDescription } from '../../src/protocol/nodes.ts';
import type { PeerTransport } from './peer-transport.ts';

/** What stands behind the introductions of a worker: the node's main thread. */
export interface Introducer {
  /** What this node says of itself now. */
  claim(): Promise<Claim>;
  /** A peer that we have connected to has said this. Resolves when it is kept; rejects where the disk fails. */
  met(claim: Claim): Promise<void>;
  /** A peer that was met cannot be used after all. */
  left(url: string): void;
  /** A peer refuses this node. */
  refused(reason: string): void;
}

/** Of a claim: what is known of 64 nodes. */
export const INTRODUCTION_BYTES_MAX = 256 * 1024;
/** Both ends write to their disks meanwhile. */
const INTRODUCTION_MS_MAX = 10_000;
const DESCRIPTION_BYTES_MAX = 16 * 1024;
const DESCRIPTION_MS_MAX = 1000;

/** Introduces this node to the peer at `url`; resolves to why the peer cannot be used, or undefined where it can. */
export async function introduce(pool: Pool, url: string, introducer: Introducer): Promise<string | undefined> {
  try {
    const { statusCode, body } = await pool.request({
      path: replicaPaths.introduction,
      method: 'POST',
      body: JSON.stringify(await introducer.claim()),
      signal: AbortSignal.timeout(INTRODUCTION_MS_MAX),
    });
    const text = await boundedText(body, INTRODUCTION_BYTES_MAX);
    if (statusCode === 409) {
      const reason = text.trim();
      introducer.refused(`${url} says: ${reason}`);
      return `refuses this node: ${reason}`;
    }
    const claim = statusCode === 200 ? parseClaim(parseJson(text)) : undefined;
    if (claim?.url !== url) return `answers an introduction with ${statusCode}, and not with its own`;
    await introducer.met(claim);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Why a node that claims to be at `url` is to be refused: another process answers there. Undefined where it is the one that
 * answers, or nobody does.
 */
export async function impostorProblem(
  { url, startId }: Claim,
  { dispatcher }: Pick<PeerTransport, 'dispatcher'>,
): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(DESCRIPTION_MS_MAX);
    const { statusCode, body } = await dispatcher.request({ origin: url, path: '/v0/node', method: 'GET', signal });
    const node = parseJson(await boundedText(body, DESCRIPTION_BYTES_MAX)) as Partial<NodeDescription> | undefined;
    if (statusCode !== 200 || typeof node?.start !== 'number' || String(node.start) === startId) return undefined;
    return `another process answers at ${url}, and it was there first; each node has a --self of its own`;
  } catch {
    return undefined;
  }
}

/** A body's text. Rejects where it has more bytes than may be. */
async function boundedText(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length > bytesMax) throw new Error(`it answers with more than ${bytesMax} bytes`);
  }
  return text;
}
