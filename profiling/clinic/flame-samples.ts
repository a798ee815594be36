/** Whether what clinic flame collected is the main thread: each isolate writes a log, and 0x takes the first it finds. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A stack, root first. */
type Stack = readonly { readonly name: string }[];

/** These files run on the main thread alone, and under load they are in most of its stacks. */
const mainThreadFile = /\/dist\/src\/(?:cli|http|dispatch|node)\b/;

/** `data` is a directory `PID.clinic-flame`. */
export function holdsMainThread(data: string): boolean {
  const name = readdirSync(data).find((one) => one.endsWith('-samples'));
  if (name === undefined) return false;
  const stacks = JSON.parse(readFileSync(join(data, name), 'utf8')) as readonly Stack[];
  return stacks.some((stack) => stack.some((frame) => mainThreadFile.test(frame.name)));
}
