/**
 * Logs: one JSON object a line on stderr, with a level. Nothing is logged per request at the default level.
 */

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

type LogLine = (message: string, fields?: Record<string, unknown>) => void;

export type Log = Readonly<Record<LogLevel, LogLine>>;

/** A log that drops what is below `level`; `write` takes each line, with its newline. */
export function createLog(level: LogLevel, write: (line: string) => void = (line) => process.stderr.write(line)): Log {
  const threshold = logLevels.indexOf(level);
  const lineAt = (of: LogLevel): LogLine => {
    if (logLevels.indexOf(of) > threshold) return () => {};
    return (message, fields) => {
      write(`${JSON.stringify({ time: new Date().toISOString(), level: of, message, ...fields })}\n`);
    };
  };
  return { error: lineAt('error'), warn: lineAt('warn'), info: lineAt('info'), debug: lineAt('debug') };
}
