import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { exchange } from '../answer.ts';
import type { Platform, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { webhookFacts } from './facts.ts';
import { placeUrl, renderBody, renderHeaders } from './request.ts';
import { readAnswer } from './response.ts';

function createService(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    rowsAsText: true,
    limits: (config) => ({
      rowsPerRequestMax: Number(config['batch_size'] ?? facts.limits.rowsPerRequestMax),
      connectionsMax: Number(config['connections'] ?? facts.limits.connectionsMax),
    }),
    validate: null,
    open: async (context) => hideRowValues(openSession(context)),
    verify: async (context) => {
      const url = placeUrl(readUrl(context.config), context.baseUrl ?? null);
      // A POST could have an effect. Whatever a GET is answered, the endpoint is there.
      const result = await exchange(context.http, { method: 'GET', url, timeoutMs: 10_000 });
      if (result.kind === 'answer') return { ok: true, detail: `reached (${result.response.status})` };
      return { ok: false, detail: 'message' in result.outcome ? result.outcome.message : 'not reached' };
    },
  };
}

function openSession(context: ServiceContext): Session {
  const url = placeUrl(readUrl(context.config), context.baseUrl);
  return {
    audienceId: null,
    account: null,
    async send(batch, signal) {
      const body = renderBody(batch, context);
      const headers = renderHeaders(batch, body, context.credentials['secret']);
      const result = await exchange(context.http, { method: 'POST', url, headers, body, signal });
      return result.kind === 'outcome' ? result.outcome : readAnswer(result.response, batch, context.clock.now());
    },
    finish: async () => {},
    abandon: async () => {},
  };
}

function readUrl(config: ServiceContext['config']): string {
  const url = String(config['url'] ?? '');
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed !== null && (parsed.username !== '' || parsed.password !== ''))
    throw new DinmoError({
      kind: 'configuration',
      code: 'invalid-setting',
      message: 'config.url of the webhook has a user or password in it, which would not be sent',
      fix: 'Take them out. A receiver knows our requests by their signature: set credentials.secret.',
    });
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return url;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-setting',
    message: 'config.url of the webhook is not an http or https address',
    fix: 'Write the whole address: https://example.com/path.',
  });
}

/** HTTP webhook: POSTs changes as JSON to an address of the user's own. */
export const webhook: Platform = {
  name: 'webhook',
  title: 'HTTP webhook',
  services: webhookFacts.map(createService),
};
