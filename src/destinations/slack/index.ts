import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { exchange } from '../answer.ts';
import type { Platform, Service } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { slackFacts } from './facts.ts';
import { validateMessage } from './message.ts';
import { messageOutcome } from './response.ts';
import { createSession, webhookUrl } from './session.ts';

function createService(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    validate: (row, _now, config) => validateMessage(row, config),
    open: async (context) => hideRowValues(createSession(context)),
    // A message without a text is refused before it is posted, but only by a webhook that is there.
    async verify(context) {
      const headers = { 'content-type': 'application/json' };
      const result = await exchange(context.http, { method: 'POST', url: webhookUrl(context), headers, body: '{}' });
      const outcome = result.kind === 'outcome' ? result.outcome : messageOutcome(result.response, context.clock.now());
      if (outcome === null || outcome.kind === 'narrow')
        return { ok: true, detail: 'the webhook answers; nothing was posted' };
      return { ok: false, detail: 'message' in outcome ? outcome.message : 'no answer' };
    },
  };
}

/** Slack: events as messages of an incoming webhook. */
export const slack: Platform = { name: 'slack', title: 'Slack', services: slackFacts.map(createService) };
