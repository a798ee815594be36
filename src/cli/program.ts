/** The process around one command line. */
import { runCommandLine } from './command-line.ts';
import { watchOutput } from './output.ts';

watchOutput();
process.exitCode = await runCommandLine(process.argv.slice(2), process.env);
