import { digits, FAINT, frame, INK, OURS, text } from './bars.ts';

const WIDTH = 760;
const TOP = 60;
const PLOT = { left: 70, width: 560, height: 260 };

/** Points on two logarithmic axes, joined; every point says its value. */
export function growthPlot(title: string, points: readonly (readonly [rows: number, seconds: number])[]): string {
  const x = scale(
    points.map(([rows]) => rows),
    PLOT.width,
  );
  const y = scale(
    points.map(([, seconds]) => seconds),
    PLOT.height,
  );
  const place = ([rows, seconds]: readonly [number, number]) =>
    [PLOT.left + x(rows), TOP + PLOT.height - y(seconds)] as const;
  const path = points
    .map((point) =>
      place(point)
        .map((value) => value.toFixed(1))
        .join(' '),
    )
    .join(' L ');
  const bottom = TOP + PLOT.height + 20;
  const marks = points.map((point) => {
    const [px, py] = place(point);
    return [
      `<line x1="${px}" y1="${py}" x2="${px}" y2="${bottom}" stroke="#d1d9e0" stroke-dasharray="2 3"/>`,
      `<circle cx="${px}" cy="${py}" r="4" fill="${OURS}"/>`,
      text(px + 10, py + 14, `${digits(point[1])} CPU s`, `fill="${INK}" font-size="12"`),
      text(px, bottom + 16, `${digits(point[0])}`, `fill="${FAINT}" font-size="12" text-anchor="middle"`),
    ].join('\n');
  });
  const line = `<path d="M ${path}" fill="none" stroke="${OURS}" stroke-width="2"/>`;
  const axis = `<line x1="${PLOT.left - 20}" y1="${bottom}" x2="${PLOT.left + PLOT.width + 20}" y2="${bottom}" stroke="${FAINT}"/>`;
  const caption = text(
    PLOT.left + PLOT.width / 2,
    bottom + 36,
    'rows of the segment, both axes logarithmic',
    `fill="${FAINT}" font-size="12" text-anchor="middle"`,
  );
  return frame(title, WIDTH, bottom + 44, [axis, ...marks, line, caption]);
}

function scale(values: readonly number[], length: number): (value: number) => number {
  const logs = values.map(Math.log10);
  const low = Math.min(...logs);
  const span = Math.max(...logs) - low || 1;
  return (value) => ((Math.log10(value) - low) / span) * length;
}
