/** What the build bundles besides compiling it: one script for each page, and what a node's threads run. */
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';

/** One script for a page each, bundled with all that it imports: those of the reports, and the node's own page. */
export const pageScripts = [
  ...['page', 'charts', 'flame'].map((name) => `profiling/browser/${name}.ts`),
  'src/console/browser/page.ts',
];
/**
 * What a node runs, with all that it imports but packages: its main thread, and its other threads. To look up and compile
 * some hundred files less takes 0.1 s of CPU off each start for the threads, and 0.06 s for the main thread. As deep in `dist` as the sources' folders, so that the one finds
 * the other in both forms.
 */
const nodeBundles = {
  'dist/bundled/cli': { 'serve-program': 'src/cli/serve-program.ts' },
  'dist/bundled/threads': { entry: 'workers/entry.ts', 'writer-thread': 'workers/store/writer-thread.ts' },
};
export const nodeOutputs = Object.entries(nodeBundles).flatMap(([folder, scripts]) =>
  Object.keys(scripts).map((name) => `${folder}/${name}.js`),
);

/** Throws where a script cannot be bundled; the messages stand on the terminal then. The working directory is the root. */
export function bundle(nodeVersionMin) {
  const { buildSync } = createRequire(import.meta.url)('esbuild');
  const both = { bundle: true, charset: 'utf8', logLevel: 'warning' };
  buildSync({ ...both, entryPoints: pageScripts, outdir: 'dist', outbase: '.', minify: true, target: 'es2022' });
  for (const [folder, entryPoints] of Object.entries(nodeBundles)) {
    rmSync(folder, { recursive: true, force: true });
    buildSync({
      ...both,
      entryPoints,
      outdir: folder,
      chunkNames: 'shared-[hash]',
      splitting: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: `node${nodeVersionMin.join('.')}`,
      sourcemap: true,
      sourcesContent: false,
    });
  }
}
