/** `clinic TOOL --visualize-only`: draws a page from what clinic, or one of our converters, has collected. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Step } from './step.ts';
import type { ClinicTool } from './tools.ts';

export interface VisualizeOptions {
  readonly tool: ClinicTool;
  readonly program: string;
  /** The directory, for heapprofiler the file, that was collected. Its name ends as the tool wants it. */
  readonly data: string;
  readonly signal?: AbortSignal | undefined;
}

/** bubbleprof takes 10 to 20 s on an idle machine, and a minute on one that is loaded. */
const visualizeMsMax = 120_000;

/** Resolves to the path of the page: the data's with `.html` behind it. Throws `profile-failed`. */
export async function visualize({ tool, program, data, signal }: VisualizeOptions): Promise<string> {
  const args = [program, tool, '--visualize-only', data];
  const step = new Step({ name: `clinic ${tool} --visualize-only`, args, directory: dirname(data), signal });
  await step.finish(visualizeMsMax);
  const html = `${data}.html`;
  if (!existsSync(html)) throw step.failure(`it ended well and left no "${html}"`);
  return html;
}
