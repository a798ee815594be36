#!/usr/bin/env node
/** The `kvorum` program: the process around one command line. */
import { runCommandLine } from './command-line.ts';
import { exitQuietlyOnBrokenPipe } from './output.ts';

exitQuietlyOnBrokenPipe();
process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
