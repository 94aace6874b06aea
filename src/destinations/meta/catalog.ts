import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { createApi, type MetaApi } from './api.ts';
import { renderRequest, validateItem } from './catalog-item.ts';
import { pollItems, readSubmission } from './catalog-jobs.ts';

/** Items of a catalog, written by jobs (`/<catalog>/items_batch`, Marketing API v26.0). */
export function createCatalog(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    validate: (row, _now, config) => validateItem(row, config),
    async open(context) {
      requireDeletable(context);
      return hideRowValues(createSession(createApi(context), context));
    },
    async verify(context) {
      const answer = await createApi(context).call({ method: 'GET', path: `${catalogPath(context.config)}?fields=id` });
      if (answer.kind === 'value') return { ok: true, detail: 'the token reads the catalog' };
      return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
    },
  };
}

function catalogPath(config: ServiceContext['config']): string {
  return `/${encodeURIComponent(String(config['catalog_id']).trim().toWellFormed())}`;
}

/** Meta never says whether it made an item, so that none counts as ours. Throws DinmoError `delete-needs-delete-existing`. */
function requireDeletable({ operations, config }: ServiceContext): void {
  if (!operations.includes('delete') || config['delete_existing'] === true) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'delete-needs-delete-existing',
    message: 'Meta does not say which items were in the catalog before, so that none would be deleted',
    fix: 'Set delete_existing: true where items of the catalog may be deleted, or take delete out of the operations.',
  });
}

function createSession(api: MetaApi, { config, logger }: ServiceContext): Session {
  const path = catalogPath(config);
  const itemType = JSON.stringify(String(config['item_type'] ?? 'PRODUCT_ITEM'));
  return {
    audienceId: null,
    account: null,
    async send(batch, signal) {
      const requests = batch.rows.map((row) => renderRequest(row, config));
      const body = `{"item_type":${itemType},"allow_upsert":true,"requests":[${requests.join(',')}]}`;
      const answer = await api.call({ method: 'POST', path: `${path}/items_batch`, body, signal });
      return answer.kind === 'outcome' ? answer.outcome : readSubmission(answer.value, batch);
    },
    poll: (job, signal) => pollItems({ api, path, logger }, job, signal),
    finish: async () => {},
    abandon: async () => {},
  };
}
