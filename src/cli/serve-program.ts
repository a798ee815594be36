/** The process around `kvorum serve`, which the build bundles. */
import { reportFailure } from './failure.ts';
import { watchOutput } from './output.ts';
import { runCommand } from './run-command.ts';
import { serveCommand } from './serve.ts';

watchOutput();
process.exitCode = await runCommand(serveCommand, process.argv.slice(3), process.env).catch(reportFailure);
