import { eventText, type LogLevel, SUBJECT_KEYS } from '../log/events.ts';
import type { LogData, Logger } from '../log.ts';
import type { Output } from './output.ts';

/** How the log was asked for. */
export interface LogWishes {
  readonly debug: boolean;
  readonly format: 'text' | 'json';
}

/**
 * The log on stderr. As text, warnings, and with --debug everything, a line each; as JSON an object each, what is worth knowing
 * (`info`) among them. With --quiet only what --debug asks for.
 */
export function createLogger(output: Output, wishes: LogWishes): Logger {
  const isJson = wishes.format === 'json';
  const write = (level: LogLevel, event: string, data: LogData = {}): void => {
    const isWanted = level === 'warn' || (level === 'info' && isJson);
    if (!wishes.debug && (!isWanted || output.isQuiet)) return;
    if (isJson) output.event(level, event, data);
    else output.problem(textLine(level, event, wishes.debug ? data : withoutIds(data)));
  };
  return {
    debug: (event, data) => write('debug', event, data),
    info: (event, data) => write('info', event, data),
    warn: (event, data) => write('warn', event, data),
  };
}

function textLine(level: LogLevel, event: string, data: LogData): string {
  const rest = Object.entries(data).map(([key, value]) => `${key}=${String(value)}`);
  return [new Date().toISOString().slice(11, 23), level.padEnd(5), eventText(event), ...rest].join(' ');
}

/** A person at a terminal knows which command this is. */
function withoutIds(data: LogData): LogData {
  return Object.fromEntries(
    Object.entries(data).filter(([key]) => !(key in SUBJECT_KEYS) || key === 'activation' || key === 'destination'),
  );
}
