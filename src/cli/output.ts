import type { LogLevel } from '../log/events.ts';
import { type LogData, mask } from '../log.ts';
import { plainStyle, type Style, terminalStyle } from '../report/style.ts';
import { isContinuousIntegration, type Shell, type Writer } from './shell.ts';

export interface OutputWishes {
  readonly output: 'text' | 'json';
  readonly quiet: boolean;
  readonly colour: boolean;
  /** Form of what goes to stderr; default text. */
  readonly log?: 'text' | 'json';
}

/**
 * The one way out: everything that a command prints passes here, and secrets are masked. stdout carries the result only;
 * whatever is said on the way goes to stderr.
 */
export class Output {
  readonly format: 'text' | 'json';
  /** For text on stdout. */
  readonly style: Style;
  /** For text on stderr. */
  readonly noteStyle: Style;
  /** Whether somebody watches stderr, so that a line may be drawn over and over. */
  readonly isWatched: boolean;
  /** Whether text on stderr may have colour. */
  readonly hasColour: boolean;
  /** Nobody wants to hear how it goes. */
  readonly isQuiet: boolean;
  /** Everything on stderr is a line of JSON. */
  readonly isLogJson: boolean;
  readonly #shell: Shell;
  #drawn = false;

  constructor(shell: Shell, wishes: OutputWishes) {
    this.#shell = shell;
    this.format = wishes.output;
    const wantsColour = wishes.colour && (shell.env['NO_COLOR'] ?? '') === '' && shell.env['TERM'] !== 'dumb';
    this.style = styleOf(shell.stdout, wantsColour);
    this.noteStyle = styleOf(shell.stderr, wantsColour);
    this.hasColour = wantsColour && shell.stderr.isTTY === true;
    this.isQuiet = wishes.quiet;
    this.isLogJson = wishes.log === 'json';
    this.isWatched = shell.stderr.isTTY === true && !wishes.quiet && !isContinuousIntegration(shell.env);
  }

  /** The result, as text or as JSON, whichever was asked for. */
  result(forms: { text(style: Style): string; json(): unknown }): void {
    this.clear();
    const printed = this.format === 'json' ? printJson(forms.json()) : printText(forms.text(this.style));
    this.#shell.stdout.write(printed.endsWith('\n') ? printed : `${printed}\n`);
  }

  /** Something worth knowing on the way; silent with --quiet. */
  note(text: string): void {
    if (this.isQuiet) return;
    if (this.isLogJson) this.event('info', 'note.printed', { text: plain(text) });
    else this.problem(text);
  }

  /** Something that has to be known. */
  problem(text: string): void {
    if (this.isLogJson) this.event('warn', 'problem.printed', { text: plain(text) });
    else this.#write(text);
  }

  /** What dbt, which this command runs, prints: a line. */
  dbt(text: string): void {
    if (this.isLogJson) this.event('info', 'dbt.printed', { text: plain(text) });
    else this.#write(text);
  }

  /** A line of the log, as JSON. */
  event(level: LogLevel, event: string, data: LogData): void {
    this.#write(jsonLine(level, event, data));
  }

  #write(text: string): void {
    this.clear();
    this.#shell.stderr.write(`${printText(text)}\n`);
  }

  /** Draws one line on a terminal, over the one drawn before. */
  draw(text: string): void {
    if (!this.isWatched) return;
    this.#shell.stderr.write(`\r\u001b[2K${printText(text)}`);
    this.#drawn = true;
  }

  /** Takes the drawn line away. */
  clear(): void {
    if (this.#drawn) this.#shell.stderr.write('\r\u001b[2K');
    this.#drawn = false;
  }
}

/** One line of the log as JSON: time, level, event, and what it says. Secrets are masked. */
function jsonLine(level: LogLevel, event: string, data: LogData): string {
  const masked = Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? mask(value) : value]);
  return JSON.stringify({ time: new Date().toISOString(), level, event, ...Object.fromEntries(masked) });
}

function plain(text: string): string {
  return text.replaceAll(COLOURS, '');
}

function styleOf(writer: Writer, wantsColour: boolean): Style {
  return writer.isTTY === true ? terminalStyle(Math.min(writer.columns ?? 80, 120), wantsColour) : plainStyle;
}

/** Text for people, masked. What a file or a platform smuggled in cannot move the cursor or turn a line around; colour may stay. */
export function printText(text: string): string {
  return mask(text).replaceAll(CONTROLS, (control) => (control.length > 1 ? control : '\ufffd'));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const COLOURS = /\u001b\[[\d;]*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /\u001b\[[\d;]*m|[\0-\x08\v-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** JSON text in which every text is masked; numbers beyond 2^53 keep their digits as text. */
export function printJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, inner: unknown) => {
      if (typeof inner === 'string') return mask(inner);
      return typeof inner === 'bigint' ? String(inner) : inner;
    },
    2,
  );
}
