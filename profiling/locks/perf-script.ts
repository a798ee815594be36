/**
 * Reads what `perf script` prints of futex system calls: one event a line, its stack in the lines below it, leaf first.
 *
 *   node 23754/23806 [001] 13186.580550123: syscalls:sys_enter_futex: uaddr: 0x7f.., op: 0x00000000, val: ...
 *   	           85233 mdb_txn_begin (/.../node.abi115.glibc.node)
 */

export interface FutexEnter {
  readonly kind: 'enter';
  readonly pid: number;
  readonly tid: number;
  readonly timeUs: number;
  /** The futex word, as text. */
  readonly address: string;
  readonly operation: number;
  /** Leaf first. */
  readonly frames: readonly StackFrame[];
}

export interface FutexExit {
  readonly kind: 'exit';
  readonly pid: number;
  readonly tid: number;
  readonly timeUs: number;
}

export interface LostEvents {
  readonly kind: 'lost';
  readonly count: number;
}

export type FutexEvent = FutexEnter | FutexExit | LostEvents;

export interface StackFrame {
  readonly symbol: string;
  /** Path of the file that the code is from. */
  readonly file: string;
}

const eventLine =
  /^\s*\S.*?\s+(\d+)\/(\d+)\s+(?:\[\d+\]\s+)?(\d+)\.(\d+):\s+(?:\d+\s+)?syscalls:sys_(enter|exit)_futex:\s*(.*)$/;
const frameLine = /^\s+[0-9a-f]+ (.+) \((.*)\)\s*$/;
const lostLine = /PERF_RECORD_LOST(?:_SAMPLES)?\b.*?\blost (\d+)/;

/** The events of a recording, line by line: each is given when its stack is complete. */
export class PerfScriptParser {
  #enter: (FutexEnter & { frames: StackFrame[] }) | undefined;

  /** Takes a line; returns the event that ended with it, if one did. */
  take(line: string): FutexEvent[] {
    if (this.#enter !== undefined) {
      const frame = frameLine.exec(line);
      if (frame !== null) {
        this.#enter.frames.push({ symbol: plainSymbol(frame[1] as string), file: frame[2] as string });
        return [];
      }
    }
    const event = eventOf(line);
    if (event === undefined) return line.trim() === '' ? this.end() : [];
    const before = this.end();
    if (event.kind !== 'enter') return [...before, event];
    this.#enter = { ...event, frames: [] };
    return before;
  }

  /** The event whose stack was being read. */
  end(): FutexEvent[] {
    const enter = this.#enter;
    this.#enter = undefined;
    return enter === undefined ? [] : [enter];
  }
}

function eventOf(line: string): FutexEvent | undefined {
  const match = eventLine.exec(line);
  if (match === null) {
    const lost = lostLine.exec(line);
    return lost === null ? undefined : { kind: 'lost', count: Number(lost[1]) };
  }
  const [, pid, tid, seconds, fraction = '', kind, fields = ''] = match;
  // Whole numbers keep the nanoseconds that a fraction of seconds since boot would lose.
  const timeUs = Number(seconds) * 1e6 + Number(fraction.padEnd(9, '0').slice(0, 9)) / 1000;
  const common = { pid: Number(pid), tid: Number(tid), timeUs };
  if (kind === 'exit') return { kind: 'exit', ...common };
  const address = /\buaddr: (0x[0-9a-f]+)/.exec(fields)?.[1] ?? '';
  const operation = Number(/\bop: (0x[0-9a-f]+)/.exec(fields)?.[1] ?? Number.NaN);
  return { kind: 'enter', ...common, address, operation, frames: [] };
}

/** Without the offset within the function, which perf prints when asked for it. */
function plainSymbol(symbol: string): string {
  return symbol.replace(/\+0x[0-9a-f]+$/, '');
}
