/**
 * Clinic's pages of a profile: what each of its tools makes of one node, and its viewers on our own recordings, which know
 * every thread.
 */
import { join, relative } from 'node:path';
import { KvorumError } from '../../src/diagnostics/errors.ts';
import { threadLabel, type ClinicPage, type ProfileFile } from '../result/profile.ts';
import { checkGraph } from '../clinic/graph-check.ts';
import { runClinic, type ClinicLoad, type ClinicResult } from '../clinic/run-clinic.ts';
import type { ClinicTool } from '../clinic/tools.ts';
import { clinicFlameOf, clinicHeapOf, type ClinicViewResult } from '../clinic/viewers.ts';
import { builtInEngine } from '../load/built-in-engine.ts';
import type { LoadOperation, Workload } from '../load/result.ts';

export interface ClinicPagesOptions {
  readonly tools: readonly ClinicTool[];
  /** Of the profile. */
  readonly directory: string;
  /** Its raw files. */
  readonly files: readonly ProfileFile[];
  readonly op: LoadOperation;
  readonly rate: number;
  readonly workload: Omit<Workload, 'op' | 'rate' | 'targets'>;
  /** Flags of `kvorum serve` for every node. */
  readonly nodeFlags: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress: (text: string) => void;
}

const clinicFolder = 'clinic';

/** Never throws for what clinic does: a page that could not be made says why. */
export async function clinicPages(options: ClinicPagesOptions): Promise<ClinicPage[]> {
  const pages: ClinicPage[] = [];
  for (const tool of options.tools) {
    if (options.signal?.aborted === true) return pages;
    pages.push(await toolPage(tool, options));
  }
  for (const file of threadFiles(options)) {
    if (options.signal?.aborted === true) return pages;
    pages.push(await threadPage(file, options));
  }
  return pages;
}

async function toolPage(tool: ClinicTool, options: ClinicPagesOptions): Promise<ClinicPage> {
  const { directory, nodeFlags, signal, onProgress } = options;
  const result = await runClinic(tool, {
    directory: join(directory, clinicFolder),
    load: loadOf(options),
    flags: nodeFlags,
    ...(signal && { signal }),
    onProgress,
  });
  return pageOf(tool, result, directory);
}

function pageOf(title: string, result: ClinicResult, directory: string): ClinicPage {
  switch (result.kind) {
    case 'done': {
      const path = relative(directory, result.html);
      const { check, attempts } = result;
      const times = attempts === 1 ? '' : `, collected ${attempts} times`;
      const seen = check.kind === 'skipped' ? `not looked at in a browser: ${check.reason}` : 'holds a graph';
      return { title, path, note: `${seen}${times}` };
    }
    case 'not-installed':
      return { title, path: null, note: `clinic is not installed: ${result.install}` };
    case 'failed':
      return { title, path: null, note: result.reason };
    default:
      return result satisfies never;
  }
}

/** Recordings of the operation that clinic was asked for, for the tools that can show them. */
function threadFiles({ tools, files, op }: ClinicPagesOptions): ProfileFile[] {
  return files.filter(({ kind, op: of, path }) => {
    if (of !== op) return false;
    if (kind === 'cpu') return tools.includes('flame') && path.endsWith('.cpuprofile');
    return kind === 'heap' && tools.includes('heapprofiler') && path.endsWith('.heapprofile');
  });
}

async function threadPage(
  file: ProfileFile,
  { directory, signal, onProgress }: ClinicPagesOptions,
): Promise<ClinicPage> {
  const isCpu = file.kind === 'cpu';
  const title = `${isCpu ? 'flame' : 'heapprofiler'} of ${threadLabel(file)}`;
  onProgress(`clinic ${title}: draws its page`);
  const name = `${file.path.replace(/[^\w.-]+/g, '-')}.html`;
  const path = join(clinicFolder, name);
  const draw = isCpu ? clinicFlameOf : clinicHeapOf;
  const result = await draw(join(directory, file.path), join(directory, path), signal === undefined ? {} : { signal });
  if (result.kind !== 'done') return { title, path: null, note: viewNote(result) };
  const check = await checkGraph(result.html, isCpu ? 'flame' : 'heapprofiler');
  if (check.kind === 'failed') return { title, path: null, note: `${path} holds no graph: ${check.reason}` };
  const seen = check.kind === 'skipped' ? `not looked at in a browser: ${check.reason}` : 'holds a graph';
  return { title, path, note: `Kvorum's recording in clinic's viewer, ${seen}` };
}

function viewNote(result: Exclude<ClinicViewResult, { kind: 'done' }>): string {
  return result.kind === 'not-installed' ? `clinic is not installed: ${result.install}` : result.reason;
}

/** Clinic slows the node down, so what this load says of it is of no interest. */
function loadOf({ workload, op, rate }: ClinicPagesOptions): ClinicLoad {
  const engine = builtInEngine();
  return async (url, durationMs, ratePerSecondMax) => {
    const load = { ...workload, op, rate: Math.min(rate, ratePerSecondMax), targets: [url], durationMs, warmupMs: 0 };
    try {
      await engine.run(load);
    } catch (error) {
      if (!(error instanceof KvorumError)) throw error;
    }
  };
}
