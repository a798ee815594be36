/**
 * The code of a page: compiled files of `profiling/browser` and what they import, as one text for one inline script.
 *
 * No bundler, since so little is needed. The files are ordinary modules for the compiler and the tests; here each becomes
 * a function with a scope of its own, called once in the order of the imports, and returns what it exports. Only the
 * plain forms that the compiler writes for our style are known (`import { a, b as c } from './x.js'`, `export function`,
 * `export const`, `export class`); anything else throws.
 *
 * Compile by hand: `npx tsc -p . && npx tsc -p profiling/browser`.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = new URL('../browser/', import.meta.url);

const importForm = /^import\s+(?:\{([^}]*)\}\s+from\s+)?['"](\.[^'"]+)['"];?$/gm;
const exportForm = /^export\s+(?=(?:async\s+)?(?:function\*?|const|class)\s+([\w$]+))/gm;

/** `names` are files of `profiling/browser` without their ending: `['charts']`. */
export async function bundle(names: readonly string[]): Promise<string> {
  const modules = new Map<string, string>();
  for (const name of names) await addModule(new URL(`${name}.js`, folder), modules);
  return [...modules.values()].join('\n');
}

/** Adds the module after everything that it imports. The map's order is the order in which the modules run. */
async function addModule(file: URL, modules: Map<string, string>): Promise<void> {
  if (modules.has(file.href)) return;
  const code = await readFile(file, 'utf8');
  for (const [, , specifier] of code.matchAll(importForm)) await addModule(new URL(specifier ?? '', file), modules);
  modules.set(file.href, asFunction(file, code));
}

function asFunction(file: URL, code: string): string {
  const exported: string[] = [];
  const body = code
    .replace(/^\/\/# sourceMappingURL=.*$/gm, '')
    .replace(importForm, (_, names: string | undefined, specifier: string) => {
      if (names === undefined) return '';
      return `const {${names.replace(/\s+as\s+/g, ': ')}} = ${variableOf(new URL(specifier, file))};`;
    })
    .replace(exportForm, (_, name: string) => {
      exported.push(name);
      return '';
    })
    .replace(/^export\s*\{\s*\};?$/gm, '');
  const unknown = /^(?:import|export)\b.*$/m.exec(body);
  if (unknown !== null) throw new Error(`${fileURLToPath(file)} has a form that no page can inline: ${unknown[0]}`);
  return `const ${variableOf(file)} = (() => {\n${body.trim()}\nreturn { ${exported.join(', ')} };\n})();`;
}

/** `line-chart.js` is `module_line_chart`; a file name stands once among all inlined files, or the page does not parse. */
function variableOf(file: URL): string {
  return `module_${basename(file.pathname, '.js').replace(/\W/g, '_')}`;
}
