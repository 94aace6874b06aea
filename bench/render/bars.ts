/** One bar of a plot. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Ours stands out; the others are what it is compared with. */
  readonly isOurs: boolean;
}

/** Bars that belong together, under a heading. */
export interface BarGroup {
  readonly heading: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LABELS = 250;
const VALUES = 90;
const BAR = 18;
const GAP = 6;
const HEADING = 30;
const TITLE = 44;
export const INK = '#1f2328';
export const FAINT = '#59636e';
export const OURS = '#0969da';
export const OTHERS = '#afb8c1';
export const FONT = 'font-family="system-ui, -apple-system, Segoe UI, sans-serif"';

/** Horizontal bars as SVG, each group on a scale of its own from zero, every value written beside its bar. */
export function barPlot(title: string, unit: string, groups: readonly BarGroup[]): string {
  const parts: string[] = [];
  let y = TITLE;
  for (const { heading, bars } of groups) {
    parts.push(text(0, y + HEADING - 10, heading, `fill="${FAINT}" font-size="13"`));
    y += HEADING;
    const most = Math.max(...bars.map(({ value }) => value));
    for (const bar of bars) {
      parts.push(drawBar(bar, { y, most, unit }));
      y += BAR + GAP;
    }
  }
  return frame(title, WIDTH, y + GAP, parts);
}

function drawBar(
  { label, value, isOurs }: Bar,
  place: { readonly y: number; readonly most: number; readonly unit: string },
): string {
  const length = Math.max(1, (value / place.most) * (WIDTH - LABELS - VALUES));
  const middle = place.y + BAR / 2 + 4;
  const weight = isOurs ? ' font-weight="600"' : '';
  return [
    text(LABELS - 8, middle, label, `fill="${INK}" font-size="12" text-anchor="end"${weight}`),
    `<rect x="${LABELS}" y="${place.y}" width="${length.toFixed(1)}" height="${BAR}" rx="2" fill="${isOurs ? OURS : OTHERS}"/>`,
    text(LABELS + length + 6, middle, `${digits(value)} ${place.unit}`, `fill="${INK}" font-size="12"${weight}`),
  ].join('\n');
}

export function digits(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function text(x: number, y: number, content: string, more: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escapeXml(content)}</text>`;
}

/** A picture on white, so that it reads on any page. */
export function frame(title: string, width: number, height: number, parts: readonly string[]): string {
  const margin = 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width + 2 * margin} ${Math.ceil(height) + margin}" role="img" aria-label="${escapeXml(title)}" ${FONT}>
<rect width="100%" height="100%" fill="#ffffff"/>
<g transform="translate(${margin} 0)">
${text(0, 28, title, `fill="${INK}" font-size="16" font-weight="600"`)}
${parts.join('\n')}
</g>
</svg>
`;
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
