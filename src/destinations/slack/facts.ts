import type { ServiceFacts } from '../../knowledge/service-facts.ts';

/** Rows that a message each, or one digest, shows at most, where `rows_max` does not say. */
export const ROWS_MAX_DEFAULT = 20;
/** A message a second: a sync would hold up the channel, and the next sync, for longer than this. */
export const ROWS_MAX_HIGHEST = 30;
/** A sync of no more is one batch. */
export const BATCH_ROWS_MAX = 5_000;

const events: ServiceFacts = {
  platform: 'slack',
  service: 'events',
  title: 'Slack messages (incoming webhook)',
  // Incoming webhooks have no versions.
  api: null,
  config: [
    {
      name: 'messages',
      type: 'string',
      required: false,
      core: false,
      default: 'each',
      choices: ['each', 'digest'],
      description: 'each: a message for each event. digest: one message for all events of a sync',
    },
    {
      name: 'template',
      type: 'string',
      required: false,
      core: false,
      description:
        'Text of an event, in Slack’s mrkdwn, with mapped fields in braces: New order of {amount} {currency} by <{link}|{name}>. Left out: the field text, or all fields',
    },
    {
      name: 'title',
      type: 'string',
      required: false,
      core: false,
      description: 'First line of a digest, in mrkdwn; {count} is the number of events. Left out: {count} new events',
    },
    {
      name: 'rows_max',
      type: 'integer',
      required: false,
      core: false,
      default: ROWS_MAX_DEFAULT,
      description: `Events of one sync that are shown, up to ${ROWS_MAX_HIGHEST}; of those beyond, the last line says how many`,
    },
  ],
  credentials: [
    {
      name: 'webhook_url',
      type: 'string',
      required: true,
      core: false,
      description: 'Address of the incoming webhook, https://hooks.slack.com/services/…: whoever knows it can post',
      standIn: () => 'https://hooks.slack.com/services/T0/B0/rehearsal',
    },
  ],
  modes: ['incremental', 'full'],
  defaultMode: 'incremental',
  operations: ['insert'],
  defaultOperations: ['insert'],
  identifiers: null,
  destinationKey: null,
  recordIds: false,
  fields: {
    open: true,
    known: [
      {
        name: 'text',
        type: 'string',
        required: false,
        description: 'The whole text of the event, plain: nothing in it links or mentions',
      },
      {
        name: 'blocks',
        type: 'any',
        required: false,
        description: 'Block Kit blocks as JSON, sent as they are; not in a digest',
      },
    ],
  },
  defaultMapping: 'all',
  audience: null,
  eventAgeDaysMax: null,
  // A message that was sent twice is there twice.
  deduplicates: false,
  replacesWhole: false,
  nulls: 'skip',
  // One message a second is Slack's. A batch is many rows: those beyond rows_max are counted, and not sent.
  limits: { rowsPerRequestMax: BATCH_ROWS_MAX, requestBytesMax: 5_000_000, requestsPerSecondMax: 1, connectionsMax: 1 },
};

export const slackFacts: readonly ServiceFacts[] = [events];
