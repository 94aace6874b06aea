import { type LogData, type Logger, mask } from '../log.ts';
import type { Output } from './output.ts';

/** How the log was asked for. */
export interface LogWishes {
  readonly debug: boolean;
  readonly format: 'text' | 'json';
}

/** The log on stderr: warnings, and with --debug everything. As text a line each, as JSON an object each. */
export function createLogger(output: Output, wishes: LogWishes): Logger {
  const write = (level: 'debug' | 'info' | 'warn', event: string, data: LogData = {}): void => {
    if (level !== 'warn' && !wishes.debug) return;
    if (level === 'warn' && output.isQuiet && !wishes.debug) return;
    output.problem(wishes.format === 'json' ? jsonLine(level, event, data) : textLine(level, event, data));
  };
  return {
    debug: (event, data) => write('debug', event, data),
    info: (event, data) => write('info', event, data),
    warn: (event, data) => write('warn', event, data),
  };
}

function jsonLine(level: string, event: string, data: LogData): string {
  const masked = Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? mask(value) : value]);
  return JSON.stringify({ time: new Date().toISOString(), level, event, ...Object.fromEntries(masked) });
}

function textLine(level: string, event: string, data: LogData): string {
  const rest = Object.entries(data).map(([key, value]) => `${key}=${String(value)}`);
  return [new Date().toISOString().slice(11, 23), level.padEnd(5), event, ...rest].join(' ');
}
