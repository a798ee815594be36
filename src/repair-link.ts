/** Between the client port and the worker that compares the node with its peers. */
import { isOpenToAll } from './bind-address.ts';
import type { WorkerPool } from './dispatch/worker-pool.ts';
import { RepairHandler } from './http/repair.ts';
import type { SecretGuard } from './http/secret-guard.ts';
import type { NodeSettings } from './settings/settings.ts';

/** The worker that compares. */
const FIRST = 0;

export interface RepairLinkOptions {
  readonly settings: NodeSettings;
  readonly pool: Pick<WorkerPool, 'tell' | 'digest'>;
  readonly guard: SecretGuard;
}

export function repairHandler({ settings, pool, guard }: RepairLinkOptions): RepairHandler {
  return new RepairHandler({
    guard,
    // Without a secret nobody can prove it; where there are no tokens either only this machine reaches such a node.
    isOpen: settings.clusterSecret === '' && settings.tokensFile === undefined && !isOpenToAll(settings),
    begin: () => pool.tell(FIRST, { kind: 'repair' }),
    digest: () => pool.digest(),
  });
}
