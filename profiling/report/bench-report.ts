/** The report of runs as one HTML page. */
import type { BenchResult } from '../load/result.ts';

export async function renderBenchReport(results: readonly BenchResult[]): Promise<string> {
  return `<!doctype html><pre>${JSON.stringify(results.map(({ label, verdict }) => ({ label, verdict })))}</pre>`;
}
