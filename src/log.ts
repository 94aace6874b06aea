/** Flat data beside a log message. Never a secret, never personal data. */
export type LogData = Readonly<Record<string, string | number | boolean | null>>;

/** The program's only way to tell what it is doing. The CLI supplies one that writes to stderr; tests supply one that records. */
export interface Logger {
  debug(event: string, data?: LogData): void;
  info(event: string, data?: LogData): void;
  warn(event: string, data?: LogData): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {} };

/** The same log, with more said of what each line is about: `{sync_id, activation}`. What a line says itself comes first. */
export function speakingOf(logger: Logger, subject: LogData): Logger {
  return {
    debug: (event, data) => logger.debug(event, { ...subject, ...data }),
    info: (event, data) => logger.info(event, { ...subject, ...data }),
    warn: (event, data) => logger.warn(event, { ...subject, ...data }),
  };
}

/** One log for several listeners. */
export function together(...listeners: readonly Logger[]): Logger {
  const tell = (level: keyof Logger, event: string, data?: LogData): void => {
    for (const listener of listeners) listener[level](event, data);
  };
  return {
    debug: (event, data) => tell('debug', event, data),
    info: (event, data) => tell('info', event, data),
    warn: (event, data) => tell('warn', event, data),
  };
}

const secrets = new Set<string>();

/** Registers the value of a secret, so that `mask` hides it wherever it turns up. Values of under 4 characters are ignored. */
export function registerSecret(value: string): void {
  if (value.length < 4) return;
  secrets.add(value);
  secrets.add(encodeURIComponent(value.toWellFormed()));
  secrets.add(Buffer.from(value).toString('base64'));
}

/** The text with every registered secret replaced by `***`. */
export function mask(text: string): string {
  let masked = text;
  for (const secret of secrets) masked = masked.replaceAll(secret, '***');
  return masked;
}

const EMAIL = /[^\s"'<>()[\]{},;:]+(?:@|%40)[^\s"'<>()[\]{},;:]+/gi;
const LONG_NUMBER = /\+?\d[\d\s().-]{6,}\d/g;
const HASH = /[0-9a-f]{32,}/gi;

/** PostgreSQL takes no NUL in a text, and half a surrogate pair is none anywhere. */
const CONTROL = /(?![\t\r\n])\p{Cc}/gu;

/** How much of a text is looked at: the patterns take time with the square of it, and a platform may send megabytes. */
const SCRUBBED_MAX = 2_000;

/** Text from a platform, fit to be logged or stored: secrets, e-mail addresses, long numbers and hashes are hidden, and it is cut at 300 characters. */
export function scrub(text: string): string {
  const scrubbed = headOf(mask(text.toWellFormed().replaceAll(CONTROL, ' ')))
    .replace(EMAIL, '<email>')
    .replace(HASH, '<hash>')
    .replace(LONG_NUMBER, '<number>');
  return scrubbed.length > 300 ? `${scrubbed.slice(0, 299)}…` : scrubbed;
}

/** The beginning of a text, without the word or number that the cut goes through: half an address is not recognised as one. */
function headOf(text: string): string {
  if (text.length <= SCRUBBED_MAX) return text;
  const head = text
    .slice(0, SCRUBBED_MAX)
    .replace(/[^\s"'<>()[\]{},;:]*$/, '')
    .replace(/[\d\s().+-]*$/, '');
  return `${head} …`;
}
