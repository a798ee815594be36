/** What goes wrong in a tortured cluster, as data. A fault lasts for some time and is put right at its end. */

/** The process ends by SIGKILL and starts again; some find another directory then than the one that they left. */
export const stops = ['kill', 'wipe', 'copy', 'restore', 'flip-log', 'flip-values'] as const;

export type Stop = (typeof stops)[number];

export type Fault =
  | { readonly kind: Stop; readonly node: number; readonly downMs: number }
  /** SIGSTOP, and SIGCONT in the end. */
  | { readonly kind: 'pause'; readonly node: number; readonly downMs: number }
  /** The clock is so far ahead, until it is put right. */
  | { readonly kind: 'clock'; readonly node: number; readonly aheadMs: number; readonly downMs: number }
  | {
      readonly kind: 'cut';
      readonly from: number;
      readonly to: number;
      /** What is sent is held back one way or both ways, or connections are refused. */
      readonly how: CutKind;
      /** What was held back comes late, or is lost with its connection. */
      readonly held: 'late' | 'lost';
      readonly downMs: number;
    };

export const cutKinds = ['one-way', 'both-ways', 'refused'] as const;
export type CutKind = (typeof cutKinds)[number];

export interface PlannedFault {
  /** After the beginning of the episode. */
  readonly atMs: number;
  readonly fault: Fault;
}

/** Whether the node is without some of its data afterwards, until it has merged with others. */
export function loses({ kind }: Fault): boolean {
  return kind === 'wipe' || kind === 'restore' || kind === 'flip-log';
}

export function isStop(fault: Fault): fault is Extract<Fault, { kind: Stop }> {
  return stops.some((kind) => kind === fault.kind);
}

/** The fault in words. */
export function describeFault(fault: Fault): string {
  const { kind, downMs } = fault;
  if (kind === 'cut') {
    const { from, to, how, held } = fault;
    return `cut ${how} between n${from} and n${to} for ${downMs} ms${how === 'refused' ? '' : `, what was held is ${held}`}`;
  }
  const ahead = kind === 'clock' ? ` ${fault.aheadMs} ms ahead` : '';
  return `${kind} n${fault.node}${ahead} for ${downMs} ms`;
}
