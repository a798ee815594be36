/** The report of a comparison as one self-contained HTML page. */
import type { CompareResult } from '../compare/result.ts';

export async function renderCompareReport(result: CompareResult): Promise<string> {
  const text = JSON.stringify(result, undefined, 2).replaceAll('<', '&lt;');
  return Promise.resolve(`<!doctype html><meta charset="utf-8"><title>Comparison</title><pre>${text}</pre>\n`);
}
