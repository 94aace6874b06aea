import type { Span } from '../delivery/row-texts.ts';

/** Numbers as ranges, sorted and apart from each other. */
export type Spans = readonly Span[];

/** All numbers of these ranges. */
export function united(spans: Iterable<Span>): Spans {
  const sorted = [...spans].filter(({ lo, hi }) => lo <= hi).sort((a, b) => a.lo - b.lo);
  const whole: { lo: number; hi: number }[] = [];
  for (const { lo, hi } of sorted) {
    const last = whole.at(-1);
    if (last !== undefined && lo <= last.hi + 1) last.hi = Math.max(last.hi, hi);
    else whole.push({ lo, hi });
  }
  return whole;
}

/** The numbers of `spans` that are not among `taken`. Both are united. */
export function without(spans: Spans, taken: Spans): Spans {
  const left: Span[] = [];
  let index = 0;
  for (const span of spans) {
    let { lo } = span;
    while (index < taken.length && (taken[index]?.hi ?? 0) < lo) index++;
    for (let at = index; at < taken.length; at++) {
      const other = taken[at];
      if (other === undefined || other.lo > span.hi) break;
      if (other.lo > lo) left.push({ lo, hi: other.lo - 1 });
      lo = Math.max(lo, other.hi + 1);
    }
    if (lo <= span.hi) left.push({ lo, hi: span.hi });
  }
  return left;
}
