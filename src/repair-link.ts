/** Between the client port and the worker that compares the node with its peers. */
import { isOpenToAll } from './bind-address.ts';
import type { WorkerPool } from './dispatch/worker-pool.ts';
import { RepairHandler } from './http/repair.ts';
import type { SecretGuard } from './http/secret-guard.ts';
import type { NodeSettings } from './settings/settings.ts';

/** The worker that compares. */
const FIRST = 0;

export function repairHandler(
  settings: NodeSettings,
  guard: SecretGuard,
  pool: Pick<WorkerPool, 'tell' | 'digest'>,
): RepairHandler {
  return new RepairHandler({
    guard,
    // A node without a secret does for this machine's processes what they ask.
    isOpen: settings.clusterSecret === '' && !isOpenToAll(settings),
    begin: () => pool.tell(FIRST, { kind: 'repair' }),
    digest: () => pool.digest(),
  });
}
