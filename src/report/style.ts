/** How text is dressed for where it is read. Reports never ask where that is. */
export interface Style {
  /** Columns to wrap at; Infinity where lines may be as long as they are (a pipe, a log). */
  readonly width: number;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

const same = (text: string): string => text;

/** No colour, no wrapping. */
export const plainStyle: Style = {
  width: Number.POSITIVE_INFINITY,
  bold: same,
  dim: same,
  red: same,
  green: same,
  yellow: same,
};

/** The style of a terminal that is `width` columns wide. */
export function terminalStyle(width: number, hasColour: boolean): Style {
  const wrapAt = Math.max(40, width);
  if (!hasColour) return { ...plainStyle, width: wrapAt };
  const paint = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`;
  return {
    width: wrapAt,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour is made of control characters.
const COLOUR = /\u001b\[\d+m/g;

/** How many columns the text takes, colour not counted. */
export function columnsOf(text: string): number {
  return [...text.replace(COLOUR, '')].length;
}
