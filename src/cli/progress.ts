import { type Clock, systemClock } from '../clock.ts';
import type { ProgressEvent } from '../index.ts';
import { renderProgress } from '../report/progress-line.ts';
import type { Output } from './output.ts';
import { isContinuousIntegration, type Shell } from './shell.ts';

const DRAW_EVERY_MS = 100;
const SAY_EVERY_MS = 10_000;

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
  let stage = '';
  let stageStartedMs = 0;
  let toldMs = 0;
  return (event) => {
    if (isSilent) return;
    const now = clock.now();
    const current = `${event.activation} ${event.stage}`;
    const isNew = current !== stage;
    if (isNew) {
      stage = current;
      stageStartedMs = now;
    }
    const isDrawn = output.isWatched && !output.isLogJson;
    const wait = isDrawn ? DRAW_EVERY_MS : SAY_EVERY_MS;
    if (!(isNew && isDrawn) && now - toldMs < wait) return;
    if (!isDrawn && toldMs === 0) {
      // What is over within ten seconds needs no words.
      toldMs = now;
      return;
    }
    toldMs = now;
    if (output.isLogJson) {
      const { activation, stage: at, done, total } = event;
      output.event('info', 'delivery.progressed', { activation, stage: at, done, total });
      return;
    }
    const line = renderProgress(
      { ...event, elapsedMs: now - stageStartedMs },
      output.isWatched ? output.noteStyle.width : 200,
    );
    if (output.isWatched) output.draw(line);
    else output.note(line);
  };
}
