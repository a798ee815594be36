#!/usr/bin/env node
/**
 * The `kvorum` program. A node runs from the bundle that the build makes of `serve-program.ts`: a few files to look
 * up and compile where it would be some hundred. The two forms share no state, so a process runs one of them only.
 */
const program = process.argv[2] === 'serve' ? '../../bundled/cli/serve-program.js' : './program.js';
await import(program);

export {};
