import { NODE_KEYS } from '../../src/artifacts/annotation-collector.ts';
import { FILE_KEYS } from '../../src/artifacts/annotation-files.ts';
import { annotationDefinitions, fileSegment, modelParts } from './annotation.ts';
import { propertiesSchema } from './properties.ts';
import { settingsSchema } from './settings.ts';
import { type Schema, Vocabulary } from './words.ts';

const DRAFT = 'http://json-schema.org/draft-07/schema#';

/** Every schema by the name of its file in schemas/. */
export function renderSchemas(): Readonly<Record<string, Schema>> {
  const schemas: Readonly<Record<string, Schema>> = {
    meta: metaSchema(),
    dinmo: settingsSchema(),
    segments: segmentsSchema(),
    properties: propertiesSchema(),
  };
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, { $schema: DRAFT, ...schema }]));
}

/** The block `meta.dinmo` of a model or a column. */
function metaSchema(): Schema {
  const words = new Vocabulary({ isRendered: true });
  return {
    title: 'meta.dinmo',
    description: 'What dinmo knows of a model or a column, under `config: {meta: {dinmo: …}}`.',
    anyOf: [words.ref('model'), words.ref('column'), { type: 'null' }],
    definitions: { ...words.definitions, ...annotationDefinitions(words) },
  };
}

/** A file of dinmo/. */
function segmentsSchema(): Schema {
  const words = new Vocabulary({ isRendered: false });
  const columns = words.openMap(words.ref('column'), { description: 'Annotations of columns, by name.' });
  return {
    title: 'dinmo/*.yml',
    description: 'Segments, and annotations of models that cannot be edited.',
    ...words.map(
      FILE_KEYS,
      {
        segments: {
          ...words.namedMap(words.ref('file_segment'), { description: 'Segments by name.' }),
          type: ['object', 'null'],
        },
        models: {
          ...words.openMap(words.ref('file_model'), { description: 'Annotations by model, or by `source.table`.' }),
          type: ['object', 'null'],
        },
      },
      { type: ['object', 'null'] },
    ),
    definitions: {
      ...annotationDefinitions(words),
      file_segment: { description: 'Some of an entity’s rows, by filter.', ...fileSegment(words) },
      file_model: words.map([...NODE_KEYS, 'columns'], { ...modelParts(words), columns }),
    },
  };
}
