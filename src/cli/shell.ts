/** Where text goes: a stream of the process, or a recorder in tests. */
export interface Writer {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The process as the commands see it. */
export interface Shell {
  /** Without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Carries results and nothing else. */
  readonly stdout: Writer;
  /** Carries progress, logs and problems. */
  readonly stderr: Writer;
  /** Aborts when the user wants the command to end. */
  readonly signal: AbortSignal;
  setExitCode(code: number): void;
}

/** Whether nobody watches: a CI service says so with `CI`. */
export function isContinuousIntegration(env: Shell['env']): boolean {
  const said = env['CI'] ?? '';
  return said !== '' && said !== '0' && said.toLowerCase() !== 'false';
}
