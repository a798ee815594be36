/** What the processes that start nodes and the nodes agree on in the environment. Pure. */

/** Set for a node that is to stop when the channel to its parent closes. */
export const stopWithParentEnvironmentName = 'KVORUM_STOP_WITH_PARENT';

/**
 * An environment without Kvorum's own settings: a child is told everything by its arguments, so nothing may reach it past
 * them.
 */
export function withoutSettings(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('KVORUM_')));
}
