import type { SourceLocation } from '../errors.ts';
import { formatLocation } from './findings.ts';
import { wrap } from './layout.ts';
import type { Style } from './style.ts';

/** Why a command stopped. */
export interface Failure {
  /** Stable; documented in docs/errors.md. */
  readonly code: string;
  readonly message: string;
  readonly fix: string | null;
  readonly location: SourceLocation | null;
}

/** The failure as a person reads it: what is wrong, where, what to do. */
export function renderFailure(failure: Failure, style: Style): string {
  const place = failure.location === null ? '' : `  ${formatLocation(failure.location)}`;
  const lines = [
    `${style.red('error')}  ${failure.code}${style.bold(place)}`,
    `    ${wrap(failure.message, style.width - 4, '    ')}`,
  ];
  if (failure.fix !== null) lines.push(`    ${style.dim('→')} ${wrap(failure.fix, style.width - 6, '      ')}`);
  return lines.join('\n');
}

/** The `error` of every JSON answer: the message holds what to do as well. */
export function failureJson(failure: Failure): { readonly code: string; readonly message: string } {
  return { code: failure.code, message: failureText(failure) };
}

/** What is wrong, where, and what to do, in sentences one after another. */
export function failureText({ message, location, fix }: Omit<Failure, 'code'>): string {
  const place = location === null ? '' : ` (${formatLocation(location)})`;
  const [, said = '', end = ''] = /^(.*?)([.!?]?)$/s.exec(message) ?? [];
  return `${said}${place}${end || '.'}${fix === null ? '' : ` ${fix}`}`;
}
