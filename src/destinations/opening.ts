import { DinmoError } from '../errors.ts';
import type { BatchOutcome, ServiceContext } from './destination.ts';

const ATTEMPTS_MAX = 5;
const WAIT_MAX_MS = 60_000;

/** What one step of opening a service gave: a value, or an outcome as for a batch. */
export type Step<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'outcome'; readonly outcome: BatchOutcome };

/**
 * Takes a step until it gives a value: transient failures are tried again, up to 5 times, with the platform's own delay
 * where it states one. Throws DinmoError `destination` with the outcome's code for everything else. The step has to be
 * one that may be taken twice (look first, then create).
 */
export async function untilSettled<T>(
  context: Pick<ServiceContext, 'clock' | 'logger'>,
  what: string,
  step: () => Promise<Step<T>>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const result = await step();
    if (result.kind === 'value') return result.value;
    const { outcome } = result;
    if (outcome.kind !== 'retry' || attempt === ATTEMPTS_MAX) throw openingError(what, outcome);
    const waitMs = Math.min(outcome.afterMs ?? 500 * 2 ** attempt, WAIT_MAX_MS);
    context.logger.debug('destination.retried', { what, attempt, code: outcome.code, after_ms: waitMs });
    await context.clock.sleep(waitMs);
  }
}

function openingError(what: string, outcome: BatchOutcome): DinmoError {
  const [code, said] =
    'code' in outcome ? [outcome.code, outcome.message] : ['unexpected-answer', 'an answer that makes no sense here'];
  return new DinmoError({
    kind: 'destination',
    code,
    message: `${what}: ${said}`,
    fix: outcome.kind === 'refused' ? outcome.fix : 'Run the sync again later; `dinmo doctor` tests the destination.',
  });
}
