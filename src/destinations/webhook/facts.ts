import type { ServiceKind } from '../../artifacts/annotation.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';

export const BATCH_SIZE_DEFAULT = 500;
const CONNECTIONS_DEFAULT = 8;

function factsOf(service: ServiceKind): ServiceFacts {
  return {
    platform: 'webhook',
    service,
    title: `HTTP webhook (${service})`,
    ...(service === 'events'
      ? {}
      : { erasure: { kind: 'member', stays: 'What the receiver makes of the removal is its own affair.' } }),
    api: null,
    config: [
      {
        name: 'url',
        type: 'string',
        required: true,
        core: true,
        description: 'http or https address that takes the POST requests',
      },
      {
        name: 'batch_size',
        type: 'integer',
        required: false,
        core: false,
        default: BATCH_SIZE_DEFAULT,
        description: 'Rows in one request at most',
      },
      {
        name: 'connections',
        type: 'integer',
        required: false,
        core: false,
        default: CONNECTIONS_DEFAULT,
        description: 'Requests under way at once, at most. What a crash sends again is at most this many batches',
      },
    ],
    credentials: [
      {
        name: 'secret',
        type: 'string',
        required: false,
        core: false,
        description: 'Signs each request: X-Dinmo-Signature is sha256= and the hex HMAC-SHA256 of the body',
      },
    ],
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
    replacesWhole: false,
    nulls: 'null',
    // Bounds of our own; `batch_size` and `connections` take the place of the first and the last.
    limits: {
      rowsPerRequestMax: BATCH_SIZE_DEFAULT,
      requestBytesMax: 5_000_000,
      requestsPerSecondMax: null,
      connectionsMax: CONNECTIONS_DEFAULT,
    },
  };
}

const DEFAULT_OPERATIONS: Readonly<Record<ServiceKind, ServiceFacts['defaultOperations']>> = {
  events: ['insert'],
  audiences: ['insert', 'update', 'delete'],
  objects: ['insert', 'update'],
};

export const webhookFacts: readonly ServiceFacts[] = [factsOf('events'), factsOf('audiences'), factsOf('objects')];
