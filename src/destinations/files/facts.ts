import type { ServiceKind } from '../../artifacts/annotation.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';

function factsOf(service: ServiceKind): ServiceFacts {
  return {
    platform: 'files',
    service,
    title: `Files (${service})`,
    api: null,
    config: [
      {
        name: 'path',
        type: 'string',
        required: true,
        core: true,
        description: 'Folder that the files are written to, relative to the dbt project; made when it does not exist',
      },
      {
        name: 'format',
        type: 'string',
        required: false,
        core: false,
        default: 'csv',
        choices: ['csv', 'jsonl', 'parquet'],
        description: 'File format',
      },
    ],
    credentials: [],
    modes: service === 'events' ? ['incremental', 'full'] : ['delta', 'full', 'incremental'],
    defaultMode: service === 'events' ? 'incremental' : 'delta',
    operations: ['insert', 'update', 'delete'],
    defaultOperations: DEFAULT_OPERATIONS[service],
    identifiers: null,
    destinationKey: null,
    recordIds: false,
    fields: { known: [], open: true },
    defaultMapping: 'all',
    audience: null,
    eventAgeDaysMax: null,
    deduplicates: true,
    replacesWhole: true,
    nulls: 'null',
    // Bounds of our own: one file is written by one hand, a batch at a time.
    limits: { rowsPerRequestMax: 10_000, requestBytesMax: 16_000_000, requestsPerSecondMax: null, connectionsMax: 1 },
  };
}

const DEFAULT_OPERATIONS: Readonly<Record<ServiceKind, ServiceFacts['defaultOperations']>> = {
  events: ['insert'],
  audiences: ['insert', 'update', 'delete'],
  objects: ['insert', 'update'],
};

export const filesFacts: readonly ServiceFacts[] = [factsOf('events'), factsOf('audiences'), factsOf('objects')];
