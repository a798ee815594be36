/** What the node uses of a package that has no types of its own. */
declare module 'fs-native-extensions' {
  /** Locks `length` bytes of an open file from `offset` on; false where another open file has them locked. Throws what the system says. */
  export function tryLock(descriptor: number, offset?: number, length?: number): boolean;
}
