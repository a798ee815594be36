/**
 * `POST /v0/repair` has the node compare what it holds with all of its peers now, and pull what it lacks; `/v0/status` tells how far
 * it is. `POST /v0/digest` answers a digest of all that the node holds, and of what it shares with each peer, which takes as long as
 * a range over all keys. Both cost the node work, so they need a proof of the cluster secret, as profiling does; a node without a
 * secret that only this machine reaches does what it is asked.
 */
import { Buffer } from 'node:buffer';
import { messageOf } from '../diagnostics/errors.ts';
import type { NodeContents } from '../protocol/repair.ts';
import { otherMethod } from './methods.ts';
import { retryAfter } from './outcome.ts';
import { problemResponse } from './problem.ts';
import { parameterRefusal } from './query-parts.ts';
import type { Reply, Response } from './reply.ts';
import type { Request } from './request.ts';
import type { SecretGuard } from './secret-guard.ts';

const REPAIR = '/v0/repair';
const DIGEST = '/v0/digest';
export const repairPaths: readonly string[] = [REPAIR, DIGEST];

export interface RepairHandlerOptions {
  readonly guard: SecretGuard;
  /** Whoever reaches the node may ask for it. */
  readonly isOpen: boolean;
  readonly begin: () => void;
  /** Undefined where it cannot be read now. */
  readonly digest: () => Promise<NodeContents | undefined>;
}

export class RepairHandler {
  readonly #options: RepairHandlerOptions;

  constructor(options: RepairHandlerOptions) {
    this.#options = options;
  }

  /** Handles a request whose path is one of `repairPaths`; one that `isAdmin` needs no proof of the secret. */
  handle({ head, reply }: Request, path: string, query: string, isAdmin: boolean): void {
    if (head.method !== 'POST') return reply.send(otherMethod(['POST'], head.method));
    const { guard, isOpen, begin } = this.#options;
    const unproven = isAdmin || isOpen ? undefined : guard.refusal(head, performance.now());
    const refusal = unproven ?? parameterRefusal(query);
    if (refusal !== undefined) return reply.send(refusal);
    if (path === DIGEST) {
      this.#digest(reply).catch((error: unknown) => reply.send(problemResponse('failed', messageOf(error))));
      return undefined;
    }
    const begunAt = new Date().toISOString();
    begin();
    return reply.send(json(202, { begunAt }));
  }

  async #digest(reply: Reply): Promise<void> {
    const contents = await this.#options.digest();
    if (contents !== undefined) return reply.send(json(200, contents));
    return reply.send(
      problemResponse('overloaded', 'The node is being digested already, or cannot be read', retryAfter),
    );
  }
}

function json(status: number, value: unknown): Response {
  return { status, fields: 'content-type: application/json\r\n', body: Buffer.from(`${JSON.stringify(value)}\n`) };
}
