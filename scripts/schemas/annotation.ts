import { ENTITY_CLASSES } from '../../src/artifacts/annotation.ts';
import { NODE_KEYS } from '../../src/artifacts/annotation-collector.ts';
import { IDENTIFIER_KINDS } from '../../src/artifacts/parse-activation.ts';
import {
  COLUMN_KEYS,
  CUSTOM_ATTRIBUTE_KEYS,
  ENTITY_KEYS,
  IDENTIFIER_FORMS,
  IDENTIFIER_KEYS,
  RELATIONSHIP_KEYS,
  RELATIONSHIP_TYPES,
} from '../../src/artifacts/parse-annotation.ts';
import { SEGMENT_KEYS, SQL_SEGMENT_KEYS } from '../../src/artifacts/parse-segment.ts';
import { activation } from './activation.ts';
import { ruleDefinitions } from './rule.ts';
import { choice, flag, name, type Schema, text, type Vocabulary, whole } from './words.ts';

/** Everything that can be said of a model and its columns, as definitions that refer to one another. */
export function annotationDefinitions(words: Vocabulary): Readonly<Record<string, Schema>> {
  return words.named({
    ...ruleDefinitions(words),
    activation: activation(words),
    activations: words.namedMap(words.ref('activation'), {
      description: 'Where it is sent; the key is the activation’s name.',
    }),
    relationship: relationship(words),
    segment: { description: 'Some of an entity’s rows, by filter.', ...segment(words) },
    entity: entity(words),
    custom_attribute: customAttribute(words),
    sql_segment: sqlSegment(words),
    column: { ...column(words), description: 'What dinmo knows of a column.' },
    model: { ...model(words), description: 'What dinmo knows of a model, seed, snapshot or source.' },
  });
}

/** The parts of a model's annotation. */
export function modelParts(words: Vocabulary): Readonly<Record<(typeof NODE_KEYS)[number], Schema>> {
  return {
    entity: words.ref('entity'),
    custom_attribute: words.ref('custom_attribute'),
    segment: words.ref('sql_segment'),
  };
}

function model(words: Vocabulary): Schema {
  return words.map(NODE_KEYS, modelParts(words));
}

function entity(words: Vocabulary): Schema {
  return {
    description: 'The model is an entity: a business object, one row each.',
    examples: [{ name: 'customer', class: 'customers', primary_key: 'customer_id' }],
    ...words.map(
      ENTITY_KEYS,
      {
        name: name('Name of the entity; default: the model’s name.'),
        type: choice(
          ['dimension', 'fact'],
          'Who or what, or what happened. Default: fact where there is an event_time.',
        ),
        class: choice(ENTITY_CLASSES, 'What kind of thing it is.', { default: 'other' }),
        label: text('For people; default: from the name.'),
        description: text('For people; default: from dbt’s docs.'),
        primary_key: {
          description:
            'What tells rows apart; a list is a composite key. Default: what dbt’s constraints and tests say.',
          anyOf: [text('A column.'), words.list(text('A column.'), { description: 'A composite key.' })],
        },
        event_time: text('Facts: the column that says when it happened.'),
        plural: name('Name of the way to many of them; default: the model’s name.'),
        columns: choice(
          ['listed', 'all'],
          'Which columns are properties: those in YAML and those that something uses, or every one.',
          { default: 'listed' },
        ),
        where: { description: 'Rows that count; the others never do.', allOf: [words.ref('condition')] },
        relationships: words.namedMap(words.ref('relationship'), {
          description: 'Ways to other entities. Default: what dbt’s foreign keys and tests say.',
        }),
        segments: words.namedMap(words.ref('segment'), { description: 'Segments of this entity, by name.' }),
        activations: words.ref('activations'),
      },
      { type: ['object', 'null'] },
    ),
  };
}

function relationship(words: Vocabulary): Schema {
  const columns = (description: string): Schema => ({
    ...words.openMap(text('A column.'), { description }),
    minProperties: 1,
  });
  return {
    description: 'A way to another entity.',
    examples: [{ to: 'order', type: 'one_to_many', keys: { customer_id: 'customer_id' } }],
    ...words.map(
      RELATIONSHIP_KEYS,
      {
        to: name('The other entity.'),
        type: choice(RELATIONSHIP_TYPES, 'How many there are on this side and on the other.'),
        keys: columns('Own column: their column (many_to_many: a column of `through`).'),
        through: text('many_to_many: the dbt model in between.'),
        to_keys: columns('many_to_many: a column of `through`: their column.'),
      },
      { required: ['to', 'type', 'keys'] },
    ),
    if: { properties: { type: { const: 'many_to_many' } }, required: ['type'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: { required: ['through', 'to_keys'] },
    else: {
      if: { properties: { type: { enum: RELATIONSHIP_TYPES } }, required: ['type'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
      then: { not: { anyOf: [{ required: ['through'] }, { required: ['to_keys'] }] } },
    },
  };
}

function members(words: Vocabulary) {
  return {
    label: text('For people.'),
    description: text('For people.'),
    limit: words.ref('limit'),
    holdout: words.ref('holdout'),
    materialized: choice(['view', 'table'], 'What dbt makes of it.', { default: 'view' }),
    activations: words.ref('activations'),
  };
}

function filter(words: Vocabulary): Schema {
  return { description: 'Which rows are members; left out, all of them.', allOf: [words.ref('condition')] };
}

function segment(words: Vocabulary): Schema {
  return words.map(SEGMENT_KEYS, { ...members(words), where: filter(words) });
}

/** A segment in a file of its own. */
export function fileSegment(words: Vocabulary): Schema {
  return words.map(
    ['entity', ...SEGMENT_KEYS],
    { entity: name('The entity whose rows it has.'), ...members(words), where: filter(words) },
    { required: ['entity'] },
  );
}

function sqlSegment(words: Vocabulary): Schema {
  return {
    description: 'The model computes a segment: the rows of the entity whose key it has.',
    ...words.map(
      SQL_SEGMENT_KEYS,
      {
        name: name('Name of the segment; default: the model’s name.'),
        entity: name('The entity whose rows it has.'),
        ...members(words),
      },
      { required: ['entity'] },
    ),
  };
}

function customAttribute(words: Vocabulary): Schema {
  return {
    description: 'The model computes one more property of an entity, in two columns.',
    examples: [{ entity: 'customer', name: 'lifetime_value', key: 'customer_id', value: 'ltv' }],
    ...words.map(
      CUSTOM_ATTRIBUTE_KEYS,
      {
        entity: name('The entity that gets the property.'),
        name: name('Name of the property.'),
        key: text('The column with the entity’s key.'),
        value: text('The column with the value.'),
        label: text('For people.'),
        categorical: flag('Few distinct values, offered as a list.'),
      },
      { required: ['entity', 'name', 'key', 'value'] },
    ),
  };
}

function column(words: Vocabulary): Schema {
  const kind = choice(IDENTIFIER_KINDS, 'What it recognises somebody by.');
  return words.map(COLUMN_KEYS, {
    identifier: {
      description: 'Recognises a person or thing elsewhere; several of one kind need a rank.',
      anyOf: [
        kind,
        words.map(
          IDENTIFIER_KEYS,
          {
            kind,
            rank: whole('Which of several of one kind comes first.', { min: 1, max: 100 }, { default: 1 }),
            form: choice(
              IDENTIFIER_FORMS,
              'sha256: the column holds the lower-case hex SHA-256 of the value, normalised as the platform wants it.',
              { default: 'raw' },
            ),
          },
          { required: ['kind'] },
        ),
      ],
    },
    categorical: flag('Few distinct values, offered as a list; `accepted_values` tests say it too.'),
    label: text('For people.'),
    description: text('For people; default: from dbt’s docs.'),
    hidden: flag('Not a property: it cannot be used or sent.', false),
  });
}
