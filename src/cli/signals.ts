/** SIGINT and SIGTERM: the first asks to stop in good order, the second to stop at once. */
import { exitCodes } from './exit-codes.ts';

/** Resolves at the first signal; at the second `atOnce` runs and the process exits with 130. */
export function stopSignal(atOnce: () => void = () => {}): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isStopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (!isStopping) {
        isStopping = true;
        resolve(signal);
        return;
      }
      atOnce();
      process.exit(exitCodes.interrupted);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
}
