import type { Logger } from '../log.ts';
import type { Telemetry } from '../telemetry/start.ts';
import { wantedTelemetry } from '../telemetry/wanted.ts';
import type { Shell } from './shell.ts';

/** Commands that run until they are stopped: a span of days says nothing, and the syncs of `listen` are commands of their own. */
const LASTING: readonly string[] = ['sandbox', 'studio', 'listen'];

/** OpenTelemetry, where its standard variables ask for it; null: nothing of it is loaded. */
export async function openTelemetry({ env, argv }: Shell, log: Logger): Promise<Telemetry | null> {
  const wishes = LASTING.includes(argv[0] ?? '') ? null : wantedTelemetry(env);
  if (wishes === null) return null;
  try {
    const { startTelemetry } = await import('../telemetry/start.ts');
    return startTelemetry(wishes, { log, env });
  } catch (thrown) {
    log.warn('telemetry.failed', { reason: thrown instanceof Error ? thrown.message : String(thrown) });
    return null;
  }
}
