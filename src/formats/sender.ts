/**
 * What a node says of itself with each frame between nodes, questions and answers alike: in the header of a link's message
 * (link-message.ts), or as text in a field of an HTTP request and its answer.
 */
import { isVersion, type Version } from './record.ts';

export interface Sender {
  /** The newest version that it has seen. */
  readonly newest: Version;
  /** Unsigned 32 bits; another number is another process, which may have lost what the one before acknowledged. */
  readonly start: number;
}

/** The text of a field. */
export function formatSender({ newest, start }: Sender): string {
  return `${newest} ${start}`;
}

/** What the text of a field says; undefined where it is none. */
export function parseSender(text: string): Sender | undefined {
  const [, newest, start] = /^(\d{1,16}) (\d{1,10})$/.exec(text) ?? [];
  const sender = { newest: Number(newest), start: Number(start) };
  return isVersion(sender.newest) && sender.start <= 0xffffffff ? sender : undefined;
}
