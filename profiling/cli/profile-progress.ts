/** How far a profile is, a line for each event. */
import { fillLine } from '../load/fill-progress.ts';
import { perSecond } from '../load/verdict.ts';
import { instrumentTitle } from '../result/profile.ts';
import type { ProfileEvent } from '../profile/run-profile.ts';

export function profileProgress(event: ProfileEvent): string {
  switch (event.kind) {
    case 'filling':
      return fillLine(event.progress);
    case 'warming':
      return `${event.op}: warming up`;
    case 'step':
      return `${event.op} at ${perSecond(event.step.rate)}: ${event.step.held ? 'held' : `not held, ${event.step.reason}`}`;
    case 'rate':
      return `${event.op}: profiling at ${perSecond(event.rate)}`;
    case 'run':
      return `${event.op} under ${instrumentTitle(event.instrument)}: ${event.result.verdict.sentence}`;
    case 'failed':
      return `${event.op}: ${instrumentTitle(event.instrument)} failed: ${event.reason}`;
    default:
      return event satisfies never;
  }
}
