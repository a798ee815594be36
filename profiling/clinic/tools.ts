/**
 * What differs between clinic's four tools, as found by trying clinic 13.0.0 on Node 20: what each leaves behind, who must
 * be told to stop, how the node has to run, and what its page draws.
 */
export const clinicTools = ['flame', 'bubbleprof', 'doctor', 'heapprofiler'] as const;
export type ClinicTool = (typeof clinicTools)[number];

export interface ToolTraits {
  /** The end of the name of what it collects. */
  readonly suffix: string;
  /** Flags of `kvorum serve` for the observed node, besides the caller's. */
  readonly nodeFlags: readonly string[];
  /**
   * A module that clinic loads into every thread of the node although it is for one: the samples of all threads go to one
   * file, and the curves run back and forth. `name` is how clinic asks for it, `module` where it is.
   */
  readonly mainThreadOnly?: { readonly name: string; readonly module: string };
  /**
   * Whether Ctrl-C has to reach the node past clinic. flame and heapprofiler do not pass it on; doctor and bubbleprof do,
   * and a node that meets two of them stops before it has written what it knows.
   */
  readonly interruptsAll: boolean;
  /** How long it should observe, milliseconds. */
  readonly durationMsDefault: number;
  /** Beyond this the tool drowns in its own data. */
  readonly durationMsMax: number;
  readonly ratePerSecondMax: number;
  /** What is drawn when the page has drawn its graph. */
  readonly drawn: { readonly selector: string; readonly least: number };
}

const minuteMs = 60_000;

export const toolTraits: Readonly<Record<ClinicTool, ToolTraits>> = {
  flame: {
    suffix: '.clinic-flame',
    nodeFlags: [],
    interruptsAll: true,
    durationMsDefault: 10_000,
    durationMsMax: minuteMs,
    ratePerSecondMax: Number.POSITIVE_INFINITY,
    drawn: { selector: 'canvas', least: 1 },
  },
  bubbleprof: {
    suffix: '.clinic-bubbleprof',
    // With worker threads it crashes (SIGSEGV) or its graph is empty.
    nodeFlags: ['--dispatch', 'inline', '--workers', '1'],
    interruptsAll: false,
    durationMsDefault: 4000,
    durationMsMax: 5000,
    ratePerSecondMax: 200,
    drawn: { selector: 'g.node-group path.line-segment', least: 8 },
  },
  doctor: {
    suffix: '.clinic-doctor',
    nodeFlags: [],
    mainThreadOnly: { name: 'sampler.js', module: '@clinic/doctor/injects/sampler.js' },
    interruptsAll: false,
    durationMsDefault: 10_000,
    durationMsMax: minuteMs,
    ratePerSecondMax: Number.POSITIVE_INFINITY,
    drawn: { selector: 'svg.chart path.line', least: 5 },
  },
  heapprofiler: {
    suffix: '.clinic-heapprofiler',
    nodeFlags: [],
    interruptsAll: true,
    durationMsDefault: 10_000,
    durationMsMax: minuteMs,
    ratePerSecondMax: Number.POSITIVE_INFINITY,
    drawn: { selector: 'canvas', least: 1 },
  },
};
