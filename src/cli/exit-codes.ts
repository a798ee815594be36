/** What the process says of itself when it ends. Scripts match on these; they never change meaning. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  quorumNotMet: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What help says of each. */
export const exitCodeMeanings: Readonly<Record<ExitCode, string>> = {
  0: 'ok',
  1: 'failure',
  2: 'the command line or a setting is wrong',
  3: 'no such key',
  4: 'quorum not met',
  5: 'node unreachable',
  130: 'interrupted',
};
