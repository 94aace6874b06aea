import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import type { Batch, BatchOutcome, OutgoingRow, Service, ServiceContext, Session } from '../destination.ts';
import { hideRowValues } from '../row-values.ts';
import { NO_RECORD, pollJob, submitJob } from './bulk.ts';
import { createApi, type SalesforceApi } from './connection.ts';
import { JOB_BYTES_MAX, JOB_ROWS_MAX } from './facts.ts';
import { deleteRows, receipts, recordIds, type Work, writeRows } from './object-rows.ts';
import { configurationFault, type RowFault } from './response.ts';
import { ask } from './soql.ts';
import { fitsBulk, renderCsv, shapeOf } from './values.ts';

export function createObjects(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    validate: null,
    limits: (config, changes = 0) =>
      usesBulk(config, changes) ? { rowsPerRequestMax: JOB_ROWS_MAX, requestBytesMax: JOB_BYTES_MAX } : {},
    homogeneity: (row) => (row.operation === 'delete' || goesByJob(row) ? '' : 'collections'),
    async open(context) {
      const api = createApi(context);
      return hideRowValues(createSession(api, context, await api.account()));
    },
    async verify(context) {
      const api = createApi(context);
      const { object, external_id_field: keyField } = context.config;
      const answer = await ask(api, `SELECT Id, ${keyField} FROM ${object} LIMIT 1`);
      if (answer.kind === 'outcome')
        return { ok: false, detail: 'message' in answer.outcome ? answer.outcome.message : 'no answer' };
      const usage = api.usage();
      const calls = usage === null ? '' : `; ${usage.used} of ${usage.max} API calls of a day are used`;
      return { ok: true, detail: `reads ${object} and its ${keyField}${calls}` };
    },
  };
}

function usesBulk(config: ServiceContext['config'], changes: number): boolean {
  if (config['api'] === 'bulk' || config['api'] === 'collections') return config['api'] === 'bulk';
  return changes >= Number(config['bulk_from'] ?? Number.POSITIVE_INFINITY);
}

/** A row that moves in place needs its record id and an answer of its own; some values cannot stand in a CSV. */
function goesByJob(row: OutgoingRow): boolean {
  return (row.previousKey === null || row.recordId === null) && fitsBulk(row);
}

function createSession(api: SalesforceApi, context: ServiceContext, account: string | null): Session {
  const { config } = context;
  const work: Work = {
    api,
    object: String(config['object']),
    keyField: String(config['external_id_field']),
    shape: shapeOf(context.columns),
    bulk: usesBulk(config, context.changes),
    updateOnly: config['write'] === 'update',
    mayDelete: context.operations.includes('delete'),
    unanswered: new Map(),
    clock: context.clock,
  };
  let fault: RowFault | null = null;
  return {
    audienceId: null,
    account,
    async send(batch, signal) {
      if (fault !== null) return configurationFault(fault);
      if (batch.operation === 'delete') return await deleteRows(work, batch, signal);
      if (work.bulk && batch.rows.every(goesByJob)) return await submitRows(work, batch, signal);
      const sentAt = work.clock.now();
      const outcome = await writeRows(work, batch, signal);
      const lost = outcome.kind === 'retry' && outcome.applied === 'maybe';
      for (const { key } of batch.rows) {
        if (lost) work.unanswered.set(key, work.unanswered.get(key) ?? sentAt);
        else if (outcome.kind === 'receipts') work.unanswered.delete(key);
      }
      return outcome;
    },
    poll: (job, signal) =>
      pollJob(api, work.keyField, {
        job,
        signal,
        noteFault: (found) => {
          fault = found;
        },
      }),
    finish: async () => {},
    abandon: async () => {},
  };
}

async function submitRows(work: Work, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
  const { object, keyField, shape } = work;
  if (!work.updateOnly) {
    const csv = renderCsv(batch.rows, { keyField, ids: null, shape });
    return await submitJob(work.api, { object, keyField, operation: 'upsert' }, { csv, signal });
  }
  const ids = await recordIds(work, batch.rows, signal);
  if (ids.kind === 'outcome') return ids.outcome;
  const there = batch.rows.filter(({ seq }) => ids.ids.has(seq));
  if (there.length === 0) return receipts(batch.rows.map(({ seq }) => ({ seq, status: 'rejected', ...NO_RECORD })));
  const csv = renderCsv(there, { keyField, ids: ids.ids, shape });
  return await submitJob(work.api, { object, keyField, operation: 'update' }, { csv, signal });
}
