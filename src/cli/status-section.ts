/**
 * What `kvorum status` shows of one side of a node: columns of its second table, and sentences where something is to be said.
 * A section reads what the node answered, tolerantly: it may be of another version, or no node at all.
 */
import { fieldOf, textFieldOf } from '../formats/foreign-json.ts';
import { printable } from './output.ts';

/** A node's answer to `GET /v0/status`, parsed. */
export type StatusJson = unknown;

export interface StatusColumn {
  readonly head: string;
  /** `-` where the node does not say it. */
  readonly cell: (status: StatusJson) => string;
}

export interface StatusSection {
  /** Members of the node's answer that `--output json` passes on as they are. */
  readonly members: readonly string[];
  readonly columns: readonly StatusColumn[];
  /** Each goes on behind the node's URL; none where all is well. */
  readonly notices: (status: StatusJson) => readonly string[];
}

export function textField(value: unknown, name: string): string | undefined {
  const text = textFieldOf(value, name);
  return text === undefined ? undefined : printable(text);
}

/** A field of a field: `store.bytes`. */
export function fieldAt(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce(fieldOf, value);
}

/** `1.4 MiB`, in at most 8 characters; `-` for what is no number. */
export function sizeCell(bytes: unknown): string {
  if (typeof bytes !== 'number') return '-';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [size, unit] = [bytes, 0];
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
