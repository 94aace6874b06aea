const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/;
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?) ?([Zz]|[+-]\d{2}(?::?\d{2})?)?$/;

/** Whether a text begins like a date: then only a column's type can say what it means. */
export function looksLikeDate(text: string): boolean {
  return /^\d{4}-\d{1,2}-\d{1,2}/.test(text);
}

/** YYYY-MM-DD of a day that exists, or null. */
export function parseDate(text: string): string | null {
  const match = DATE.exec(text);
  if (!match) return null;
  const [, year, month, day] = match.map(Number);
  const date = new Date(Date.UTC(2000, (month ?? 0) - 1, day));
  // Years below 100 mean others to Date.UTC.
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day);
  return (year ?? 0) >= 1 && date.toISOString().slice(0, 10) === text ? text : null;
}

/** HH:MM:SS with up to six decimals, or null. */
export function parseTime(text: string): string | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const [, hour = '', minute = '', second = '00', fraction = ''] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  const decimals = fraction.replace(/0+$/, '');
  return `${hour}:${minute}:${second}${decimals === '' ? '' : `.${decimals}`}`;
}

/** YYYY-MM-DD HH:MM:SS in UTC with up to six decimals, or null. Without a zone it is UTC already. */
export function parseTimestamp(text: string): string | null {
  const match = TIMESTAMP.exec(text);
  if (!match) return null;
  const [, day = '', clock = '', zone = 'Z'] = match;
  const date = parseDate(day);
  const time = parseTime(clock);
  const offset = offsetMinutes(zone);
  if (date === null || time === null || offset === null) return null;
  const [seconds = '', fraction] = time.split('.');
  const local = new Date(`${date}T${seconds}Z`).getTime();
  const utc = new Date(local - offset * 60_000).toISOString();
  if (!/^\d{4}-/.test(utc) || utc.startsWith('0000')) return null;
  return `${utc.slice(0, 10)} ${utc.slice(11, 19)}${fraction === undefined ? '' : `.${fraction}`}`;
}

function offsetMinutes(zone: string): number | null {
  if (zone.toUpperCase() === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', ''));
  if (hours > 15 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** Plain digits with sign and point, every digit that YAML gave: `1e-7` becomes `0.0000001`. */
export function numberText(value: number | bigint): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text === '-0' ? '0' : text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits.padEnd(point, '0')}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
