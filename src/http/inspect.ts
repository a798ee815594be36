/**
 * `/v0/inspect?id=K`: what each replica of a key holds, or why it does not say. `GET` looks; `POST` has those that lack the newest
 * record take it, as a blocking read repair does, and looks then.
 */
import { Buffer } from 'node:buffer';
import type { Inspections } from '../dispatch/inspections.ts';
import { isKnown, lacks, newestHeld, type HeldRecord, type Holding, type Inspection } from '../domain/inspection.ts';
import type { Topology } from '../domain/topology.ts';
import { onlyPutExpires } from './entity.ts';
import { explainFault } from './faults.ts';
import { otherMethod } from './methods.ts';
import { retryAfter } from './outcome.ts';
import { problemResponse } from './problem.ts';
import { parseEntityQuery, type EntityQuery, type QueryLimits } from './query.ts';
import type { Response } from './reply.ts';
import type { Request } from './request.ts';

export interface InspectLimits extends QueryLimits {
  readonly nodes: Topology['nodes'];
}

const methods = ['GET', 'HEAD', 'POST'];
const tooMany = problemResponse('overloaded', 'Too many keys are being inspected; nothing was done', retryAfter);
const noAnswer = problemResponse('failed', 'The worker of this key did not answer');

export class InspectHandler {
  readonly #inspections: Inspections;
  readonly #limits: InspectLimits;

  constructor(inspections: Inspections, limits: InspectLimits) {
    this.#inspections = inspections;
    this.#limits = limits;
  }

  /** Handles a request whose path is `/v0/inspect`. */
  handle({ head, reply }: Request, query: string): void {
    if (!methods.includes(head.method)) return reply.send(otherMethod(methods, head.method));
    const parsed = parseEntityQuery(query, this.#limits);
    if ('problem' in parsed) return reply.send(problemResponse(parsed.problem, parsed.detail));
    if (parsed.ttlMs !== undefined) return reply.send(onlyPutExpires);
    const key = Buffer.from(parsed.key);
    const asked = this.#inspections.inspect({ key, quorum: parsed.quorum, repair: head.method === 'POST' });
    if (asked === 'overloaded') return reply.send(tooMany);
    const answer = (found: Inspection | undefined): void =>
      reply.send(found === undefined ? noAnswer : json(report({ ...parsed, key }, found, this.#limits.nodes)));
    void asked.then(answer);
    return undefined;
  }
}

function report(
  { key, quorum }: Pick<EntityQuery, 'quorum'> & { readonly key: Buffer },
  { holdings, repaired }: Inspection,
  nodes: Topology['nodes'],
): Record<string, unknown> {
  const newest = newestHeld(holdings);
  return {
    key: key.toString(),
    quorum: { ack: quorum.acksRequired, from: quorum.replicaCount },
    newest: newest === undefined ? null : recordMembers(newest, nodes),
    replicas: holdings.map((holding) => ({
      url: nodes[holding.node]?.url,
      holds: holdsWord(holding),
      ...(holding.record === undefined ? {} : recordMembers(holding.record, nodes)),
      checksum: checksumWord(holding),
      lacksNewest: lacks(holding, newest) ?? null,
      isVote: holding.isVote,
      ...(holding.fault === undefined ? {} : { reason: holding.fault.kind, detail: explainFault(holding.fault) }),
      ...(repaired.includes(holding.node) ? { repaired: true } : {}),
    })),
  };
}

function recordMembers({ kind, version, nodeId, valueBytes, expiresAt }: HeldRecord, nodes: Topology['nodes']) {
  const stampedBy = nodes.find(({ id }) => id === nodeId)?.url ?? `node ${nodeId}`;
  const expires = expiresAt === 0 ? {} : { expires: instant(expiresAt), isExpired: expiresAt <= Date.now() };
  return { kind, version, time: instant(version / 1000), stampedBy, bytes: valueBytes, ...expires };
}

/** An instant as text; milliseconds since 1970. */
function instant(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

/** What a replica has under the key: `unknown` where it does not say. */
function holdsWord(holding: Holding): string {
  const { record, fault } = holding;
  if (record !== undefined) return record.kind;
  if (fault?.kind === 'damaged') return 'damaged';
  return isKnown(holding) ? 'nothing' : 'unknown';
}

function checksumWord({ record, fault }: Holding): 'right' | 'wrong' | null {
  if (record !== undefined) return 'right';
  return fault?.kind === 'damaged' ? 'wrong' : null;
}

function json(value: unknown): Response {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  return { status: 200, fields: 'content-type: application/json\r\n', body };
}
