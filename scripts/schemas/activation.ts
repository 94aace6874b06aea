import { NAME } from '../../src/artifacts/block-reader.ts';
import {
  ACTIVATION_KEYS,
  GUARD_KEYS,
  IDENTIFIER_KINDS,
  MAPPING_KEYS,
  MODES,
  OPERATIONS,
} from '../../src/artifacts/parse-activation.ts';
import { TIME_UNITS } from '../../src/artifacts/parse-operand.ts';
import { choice, flag, name, number, path, type Schema, text, type Vocabulary, whole } from './words.ts';

const CRON_FIELD = '[\\d*/,\\-A-Za-z]+';

/** `schedule:` */
export const schedule: Schema = {
  description: '`after_dbt`, or a cron expression of five fields, which `dinmo sync --due` honours.',
  type: 'string',
  pattern: `^(after_dbt|\\s*${CRON_FIELD}(\\s+${CRON_FIELD}){4}\\s*)$`,
  patternErrorMessage: 'Write after_dbt, or a cron expression of five fields such as "0 6 * * *".',
  examples: ['after_dbt', '0 6 * * *'],
};

export const attempts: Schema = whole(
  'Runs in which a rejected row is tried before it is parked.',
  { min: 1, max: 1000 },
  { default: 5 },
);

/** `guards:` */
export function guards(words: Vocabulary): Schema {
  const percent = { min: 0, max: 100 };
  return {
    description: 'What a plan may remove at most. A guard that trips sends nothing.',
    ...words.map(GUARD_KEYS, {
      max_delete_percent: number('Percent of what the destination holds.', percent, { default: 20 }),
      max_delete_rows: whole('Number of removals.', { min: 0 }, { default: 50000 }),
      min_delete_rows: whole('Up to so many removals no percentage trips.', { min: 0 }, { default: 100 }),
      key_churn_percent: number('Leavers and joiners may not both exceed this percent.', percent, { default: 50 }),
      allow_empty: flag('Whether an empty segment may remove everybody.', false),
    }),
  };
}

/** `identifiers:` and `attributes:`, of an activation or as defaults of a destination. */
export function sentFields(words: Vocabulary): { readonly identifiers: Schema; readonly attributes: Schema } {
  return {
    identifiers: words.list(choice(IDENTIFIER_KINDS, 'A kind of identifier.'), {
      description: 'Which kinds of identifiers are sent.',
      examples: [['email', 'phone']],
    }),
    attributes: words.list(text('A property.'), {
      description: 'Which further properties are sent, where the service takes any.',
    }),
  };
}

/** `consent:` of a destination or an activation. */
export function consent(words: Vocabulary): Schema {
  const columns = words.list(path('A boolean column, or one reached over relations to one.'), {
    description: 'All of them have to be true.',
  });
  return {
    description: 'Columns that have to be true before a row is sent, as a list or by entity; who withdraws is removed.',
    examples: [['email_opt_in'], { customer: ['email_opt_in'], lead: ['opt_in'] }],
    anyOf: [columns, { ...words.namedMap(columns, { description: 'By entity.' }), minProperties: 1 }],
  };
}

/** One entry of `activations:`. Without a body it is all defaults. */
export function activation(words: Vocabulary): Schema {
  return {
    description: 'Sends the segment, or the whole entity, to a destination.',
    ...words.map(
      ACTIVATION_KEYS,
      {
        to: name('The destination; default: the activation’s own name.'),
        mode: choice(MODES, 'What is sent. Default: delta for audiences and objects, incremental for events.'),
        operations: words.list(choice(OPERATIONS, 'An operation.'), {
          description:
            'What may be done there. Default: audiences all three; objects insert and update; events insert.',
        }),
        audience: text('Name of the audience on the platform; default: the segment’s or entity’s name.'),
        mapping: words.openMap(mapped(words), {
          description: 'Their field: our column. Default: by the kinds of identifiers.',
          examples: [{ firstname: 'first_name', currency: { value: 'EUR' } }],
        }),
        ...sentFields(words),
        consent: consent(words),
        schedule,
        guards: guards(words),
        attempts,
        since: {
          description: 'Events: the first day that is sent, or `first_sync`.',
          type: 'string',
          pattern: '^(first_sync|\\d{4}-\\d\\d-\\d\\d)$',
        },
        lookback: {
          description: 'Events: how late one may come and still be sent.',
          examples: [{ last: 7, unit: 'day' }],
          ...words.map(
            ['last', 'unit'],
            { last: whole('How many units.', { min: 1 }), unit: choice(TIME_UNITS, 'Unit of time.') },
            { required: ['last', 'unit'] },
          ),
        },
        was: {
          description: 'The former id, `<segment or entity>.<activation>`, whose state moves here.',
          type: 'string',
          pattern: `${NAME.source.slice(0, -1)}\\.${NAME.source.slice(1)}`,
        },
        enabled: flag('`false` sends nothing and keeps the state.', true),
      },
      { type: ['object', 'null'] },
    ),
  };
}

function mapped(words: Vocabulary): Schema {
  const kinds = ['column', 'value', 'segment'];
  return {
    description: 'What feeds the field: a column, a constant, or membership of a segment.',
    anyOf: [
      path('A column, or one reached over relations to one.'),
      {
        ...words.map(MAPPING_KEYS, {
          column: path('A column, or one reached over relations to one: `plan.name`.'),
          value: { description: 'A constant.', type: ['string', 'number', 'boolean'] },
          segment: name('Membership of this segment, true or false.'),
          nulls: choice(['skip', 'clear'], 'What a NULL does: leaves the field out, or sends it empty.'),
          write: choice(['always', 'on_insert'], 'When the field is written.', { default: 'always' }),
        }),
        oneOf: kinds.map((kind) => ({ required: [kind] })),
      },
    ],
  };
}
