import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { type BrazeApi, createApi, verifyKey } from './api.ts';
import { decimalFields } from './attributes.ts';
import { isPurchase, renderEvent, validateEvent } from './event.ts';
import { objectsMax } from './facts.ts';
import { personNormaliser, requireAliasLabel } from './profile.ts';
import { readTrack } from './response.ts';

export function createEvents(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: personNormaliser,
    limits: (config) => ({ rowsPerRequestMax: objectsMax(config) }),
    validate: validateEvent,
    async open(context) {
      requireAliasLabel(context.config);
      return hideRowValues(createSession(createApi(context), context));
    },
    verify: (context) => verifyKey(context, '/users/track'),
  };
}

function createSession(api: BrazeApi, context: ServiceContext): Session {
  const { config } = context;
  const decimals = decimalFields(context.columns);
  const array = isPurchase(config) ? 'purchases' : 'events';
  return {
    audienceId: null,
    account: null,
    async send({ rows }, signal) {
      const objects = rows.map((row) => renderEvent(row, config, decimals));
      const answer = await api.post('/users/track', { [array]: objects }, signal);
      if (answer.kind === 'outcome') return answer.outcome;
      // An event that was taken must not come twice: what has no verdict is unknown, never sent again.
      return readTrack(answer, { array, owners: rows.map(({ seq }) => [seq]), rows, repeatable: false });
    },
    finish: async () => {},
    abandon: async () => {},
  };
}
