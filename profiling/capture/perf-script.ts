/**
 * The text of `perf script`, read line by line: a line for each event, then one for each frame of its stack, leaf first.
 *
 *   node 23754/23806 [001] 13186.580550123: syscalls:sys_enter_futex: uaddr: 0x7f.., op: 0x00000000, val: ...
 *   	           85233 mdb_txn_begin (/.../node.abi115.glibc.node)
 *
 * The time is seconds of the system's clock. The core in brackets and what stands behind the time depend on the fields
 * that perf is asked for.
 */
export interface PerfSample {
  readonly kind: 'sample';
  readonly pid: number;
  readonly tid: number;
  readonly timeUs: number;
  /** What stands behind the time: the event and its fields. */
  readonly event: string;
  /** Leaf first. Frames that read the same are the same object. */
  readonly frames: readonly PerfFrame[];
}

export interface PerfFrame {
  readonly symbol: string;
  /** Path of the file that the code is from, or `[kernel.kallsyms]`. */
  readonly file: string;
}

/** Events that perf could not keep. */
export interface PerfLost {
  readonly kind: 'lost';
  readonly count: number;
}

/** Frames of a stack that are kept, from the leaf on. */
const framesMax = 256;
const eventLine = /^\s*\S.*?\s+(\d+)\/(\d+)\s+(?:\[\d+\]\s+)?(\d+)\.(\d+):\s*(.*)$/;
const lostEvent = /PERF_RECORD_LOST(?:_SAMPLES)?\b.*?\blost (\d+)/;
const frameText = /^(.*?)(?:\s+\(([^()]*|.*\.so[^()]*|\[.*\])\))?$/;

/** The events of a recording, each when its stack is complete. Lines that are neither event nor frame are passed over. */
export async function* readPerfScript(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<PerfSample | PerfLost> {
  const known = new Map<string, PerfFrame>();
  let sample: (PerfSample & { readonly frames: PerfFrame[] }) | undefined;
  for await (const line of lines) {
    if (line.startsWith('\t')) {
      if (sample !== undefined && sample.frames.length < framesMax) sample.frames.push(frameOf(line, known));
      continue;
    }
    if (sample !== undefined) yield sample;
    const lost = lostEvent.exec(line);
    if (lost !== null) yield { kind: 'lost', count: Number(lost[1]) };
    sample = lost === null ? sampleOf(line) : undefined;
  }
  if (sample !== undefined) yield sample;
}

function sampleOf(line: string): (PerfSample & { readonly frames: PerfFrame[] }) | undefined {
  const [, pid, tid, seconds, fraction = '', event = ''] = eventLine.exec(line) ?? [];
  if (pid === undefined) return undefined;
  // Whole numbers keep the nanoseconds that a fraction of seconds since boot would lose.
  const timeUs = Number(seconds) * 1e6 + Number(fraction.padEnd(9, '0').slice(0, 9)) / 1000;
  return { kind: 'sample', pid: Number(pid), tid: Number(tid), timeUs, event, frames: [] };
}

/** Addresses differ from call to call, so a frame is known by what follows them. */
function frameOf(line: string, known: Map<string, PerfFrame>): PerfFrame {
  const text = line.replace(/^\s*[0-9a-f]+\s+/, '').trimEnd();
  const before = known.get(text);
  if (before !== undefined) return before;
  const [, symbol = '', file = ''] = frameText.exec(text) ?? [];
  // The offset within the function, which perf prints when asked for it.
  const frame = { symbol: symbol.replace(/\+0x[0-9a-f]+$/, ''), file };
  known.set(text, frame);
  return frame;
}
