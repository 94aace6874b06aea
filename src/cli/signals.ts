/** What the shell sees of a process that a signal ended: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** The signals of the process, as a command sees them. */
export interface Signals {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Leaves the signals to Node again. */
  release(): void;
}

/** The first signal asks the command to end, the second one ends the process where it stands. */
export function listenToSignals(onFirst: () => void): Signals {
  const controller = new AbortController();
  const handlers = (['SIGINT', 'SIGTERM'] as const).map((name) => {
    const handler = (): void => {
      if (controller.signal.aborted) endNow(EXIT_CODES[name]);
      controller.abort();
      onFirst();
    };
    process.on(name, handler);
    return { name, handler };
  });
  return {
    signal: controller.signal,
    release: () => {
      for (const { name, handler } of handlers) process.off(name, handler);
    },
  };
}

/** Nothing is closed: that is what the second signal is for. The next sync recovers, as after any other death. */
function endNow(code: number): never {
  const { exit } = process;
  return exit.call(process, code);
}
