/** What streams and sessions write to the log: a fixed message and varying fields, never a secret or a body. */
type Write = (message: string, fields?: Record<string, unknown>) => void;

export interface Log {
  debug: Write;
  info: Write;
  warn: Write;
  error: Write;
}

/** A fault of ours, as the log has it: with the place it came from. */
export const said = (reason: unknown): string => (reason as Error | undefined)?.stack ?? String(reason);
