import { type Clock, systemClock } from '../clock.ts';
import type { ProgressEvent } from '../index.ts';
import { renderProgress } from '../report/progress-line.ts';
import type { Output } from './output.ts';
import { isContinuousIntegration, type Shell } from './shell.ts';

const DRAW_EVERY_MS = 100;
const SAY_EVERY_MS = 10_000;
/** How long the line is about one activation where several go side by side. */
const SHOW_MS = 1_000;

/**
 * Tells how delivery goes on: one line drawn over and over where somebody watches, else a plain line every ten seconds;
 * nothing at all when quiet or in CI. As JSON, an event every ten seconds.
 */
export function createProgress(
  output: Output,
  shell: Pick<Shell, 'env'>,
  clock: Clock = systemClock,
): (event: ProgressEvent) => void {
  const isSilent = output.isQuiet || (isContinuousIntegration(shell.env) && !output.isLogJson);
  const known = new Map<string, { stage: string; startedMs: number; toldMs: number }>();
  let shown = '';
  let drawnMs = 0;
  return (event) => {
    if (isSilent) return;
    const now = clock.now();
    const before = known.get(event.activation);
    const isNew = before?.stage !== event.stage;
    const isDrawn = output.isWatched && !output.isLogJson;
    // What is over within ten seconds needs no words.
    const at = { stage: event.stage, startedMs: isNew ? now : before.startedMs, toldMs: before?.toldMs ?? now };
    known.set(event.activation, at);
    if (isDrawn) {
      // There is one line: of activations that go side by side, each has it for a while.
      const isShown = event.activation === shown;
      if (now - drawnMs < waitMs({ isShown, isNew })) return;
      shown = event.activation;
      drawnMs = now;
    } else if (now - at.toldMs < SAY_EVERY_MS) return;
    at.toldMs = now;
    if (output.isLogJson) {
      const { activation, stage, done, total } = event;
      output.event('info', 'delivery.progressed', { activation, stage, done, total });
      return;
    }
    const line = renderProgress(
      { ...event, elapsedMs: now - at.startedMs },
      output.isWatched ? output.noteStyle.width : 200,
    );
    if (output.isWatched) output.draw(line);
    else output.note(line);
  };
}

/** The line changes at once with the stage that it shows, and stays a while before it is about another activation. */
function waitMs({ isShown, isNew }: { readonly isShown: boolean; readonly isNew: boolean }): number {
  if (!isShown) return isNew ? 0 : SHOW_MS;
  return isNew ? 0 : DRAW_EVERY_MS;
}
