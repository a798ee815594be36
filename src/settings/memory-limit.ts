/** How much memory this process may have: defaults of what it holds for others follow from that. */
import { totalmem } from 'node:os';

/**
 * Bytes: the limit of this process's control group (version 1 or 2), or what the machine has if that is less. A limit of a
 * group further up is not seen, unless the process has a namespace of its own, as in a container.
 */
export function memoryLimit(): number {
  const ofGroup = process.constrainedMemory();
  // Without a limit it is 0, or more than any machine has.
  return ofGroup > 0 ? Math.min(ofGroup, totalmem()) : totalmem();
}
