/** The instruments of `kvorum profile` by name; apart from what they do, so that help needs to load none of it. */

export const instrumentNames = ['cpu', 'allocation', 'collections', 'promises', 'waits', 'perf', 'locks'] as const;
export type InstrumentName = (typeof instrumentNames)[number];

export const instrumentTitles: Readonly<Record<InstrumentName, string>> = {
  cpu: "V8's CPU profiler, 1,000 us",
  allocation: "V8's sampling heap profiler, 131,072 bytes",
  collections: 'Collections and bytes allocated',
  promises: 'Promises made',
  waits: 'Wait table',
  perf: 'perf, cpu-clock at 999 Hz',
  locks: 'perf, futex calls',
};

/** For progress and tables; a run without an instrument is called so too. */
export function instrumentTitle(name: string): string {
  const known = instrumentNames.find((one) => one === name);
  return known === undefined ? 'no instrument' : instrumentTitles[known];
}
