import type { Finding } from '../finding.ts';
import { type FindingDetail, type FindingDoc, findingOf } from './finding-doc.ts';

type Row = Omit<FindingDoc, 'code' | 'bad' | 'good'> & { readonly bad?: string; readonly good?: string };

const DOCS = {
  'primary-key-missing': {
    severity: 'error',
    title: 'An entity has no primary key',
    why: 'Rows are compared, counted and removed by their key: without one nothing can be synced.',
    fix: 'Add `primary_key:` to the entity, or unique and not_null tests to exactly one column.',
    bad: 'entity: {name: customer}',
    good: 'entity: {name: customer, primary_key: customer_id}',
  },
  'primary-key-ambiguous': {
    severity: 'error',
    title: 'dbt states several possible keys',
    why: 'Two columns that are each unique are not a composite key, and choosing one of them silently would be a guess.',
    fix: 'Add `primary_key:` with the column that is the key.',
    bad: 'entity: {name: customer}  # customer_id and email both have unique and not_null tests',
    good: 'entity: {name: customer, primary_key: customer_id}',
  },
  'primary-key-conflict': {
    severity: 'warning',
    title: 'The stated key is not the one that dbt states',
    why: 'dbt tests or constrains another key: one of the two is out of date.',
    fix: 'Correct `primary_key:`, or test the stated key with unique and not_null.',
    bad: 'entity: {primary_key: email}  # but customer_id is the constrained key',
    good: 'entity: {primary_key: customer_id}',
  },
  'primary-key-unstable': {
    severity: 'warning',
    title: 'The key is made by a random or row-number function',
    why: 'Each build gives every row a new key, so every sync would remove and add everybody.',
    fix: 'Take a key that the source system gave, or hash the columns that identify the row.',
  },
  'ephemeral-model': {
    severity: 'error',
    title: 'An annotated model is ephemeral',
    why: 'An ephemeral model has no relation in the warehouse, so its rows and types cannot be read.',
    fix: 'Materialise the model as a view or a table.',
    bad: 'config: {materialized: ephemeral}',
    good: 'config: {materialized: view}',
  },
  'duplicate-entity': {
    severity: 'error',
    title: 'Two models are one entity',
    why: 'An entity is backed by exactly one model.',
    fix: 'Give one of them another `name:`.',
  },
  'duplicate-segment': {
    severity: 'error',
    title: 'Two segments have one name',
    why: 'Segment names are unique in the project: each is one view.',
    fix: 'Rename one of them.',
  },
  'duplicate-activation': {
    severity: 'error',
    title: 'Two activations have one id',
    why: 'State is kept by `<segment or entity>.<name>`.',
    fix: 'Rename one of them, or the segment that has the name of an entity.',
  },
  'duplicate-property': {
    severity: 'error',
    title: 'A custom attribute has the name of another property',
    why: 'Both would be one column of the view.',
    fix: 'Give the custom attribute another `name:`.',
  },
  'invalid-name': {
    severity: 'error',
    title: 'The name of a model cannot be the name of an entity or segment',
    why: 'Names become names of models and tables on every warehouse: `[a-z][a-z0-9_]{0,39}`.',
    fix: 'Add a `name:` of lower-case letters, digits and underscores, at most 40.',
    bad: 'entity: {}   # on the model Dim-Customers',
    good: 'entity: {name: customer}',
  },
  'unknown-entity': {
    severity: 'error',
    title: 'No entity has this name',
    why: 'Only a model with an `entity` block is an entity.',
    fix: 'Correct the name, or add an `entity` block to the model.',
    bad: 'relationships: {orders: {to: ordr, type: one_to_many, keys: {customer_id: customer_id}}}',
    good: 'relationships: {orders: {to: order, type: one_to_many, keys: {customer_id: customer_id}}}',
  },
  'unknown-model': {
    severity: 'error',
    title: 'No dbt model has this name',
    why: '`through` is a model, seed, snapshot or source of the project.',
    fix: 'Correct the name.',
  },
  'unknown-column': {
    severity: 'error',
    title: 'The model has no such column',
    why: 'The generated SQL would fail in the warehouse.',
    fix: "Correct the name; or, if the column exists, list it under the model's `columns:`.",
    bad: 'entity: {primary_key: custmer_id}',
    good: 'entity: {primary_key: customer_id}',
  },
  'unverified-column': {
    severity: 'warning',
    title: 'Nothing says that this column exists',
    why: 'It is not listed in YAML, and there is no catalog to look it up in.',
    fix: "List it under the model's `columns:`, or build the model and run `dinmo generate`, which asks the warehouse.",
  },
  'column-not-in-relation': {
    severity: 'warning',
    title: 'YAML lists a column that the warehouse does not have',
    why: 'The generated view selects the listed columns, so it would fail to build.',
    fix: 'Build the model if the column is new; otherwise remove it from YAML or mark it `hidden: true`.',
  },
  'relationship-conflict': {
    severity: 'error',
    title: 'The two ways of one relationship disagree',
    why: 'Both sides annotate the same columns, with types that exclude each other.',
    fix: 'Remove one of the two: a relationship can be walked both ways anyway.',
  },
  'relationship-name-taken': {
    severity: 'warning',
    title: 'Two derived relationships would have one name',
    why: 'Neither is available, because the name would not say which is meant.',
    fix: 'Annotate them under `relationships:` with names of your own, or give one of the models a `plural:`.',
  },
  'invalid-relationship': {
    severity: 'error',
    title: 'A relationship is not complete',
    why: '`many_to_many` leads through a third model, the other types do not.',
    fix: 'Write `{to: tag, type: many_to_many, through: customer_tags, keys: {…}, to_keys: {…}}`.',
  },
  'identifier-rank': {
    severity: 'error',
    title: 'Several identifiers of one kind need a rank',
    why: 'Which of two e-mail addresses comes first decides what the platform matches on.',
    fix: 'Write `identifier: {kind: email, rank: 2}` on the second.',
    bad: 'email: {identifier: email}, backup_email: {identifier: email}',
    good: 'email: {identifier: email}, backup_email: {identifier: {kind: email, rank: 2}}',
  },
  'invalid-custom-attribute': {
    severity: 'error',
    title: 'A custom attribute does not fit its entity',
    why: 'A two-column model is joined by one key column: the entity’s key must be one column.',
    fix: 'Use it on an entity with a single-column key.',
  },
  'sql-segment-key-missing': {
    severity: 'error',
    title: 'The model of a SQL segment lacks the key of its entity',
    why: 'The segment is the entity’s rows whose key the model contains.',
    fix: 'Select the primary key of the entity under its own name.',
  },
  'unknown-platform': {
    severity: 'error',
    title: 'No platform has this name',
    why: 'Nothing can be sent to it.',
    fix: 'Take one of the platforms that `dinmo show platforms` lists.',
    bad: 'meta_customers: {platform: facebook, service: audiences}',
    good: 'meta_customers: {platform: meta, service: audiences}',
  },
  'unknown-service': {
    severity: 'error',
    title: 'The platform does not have this service',
    why: 'Nothing can be sent to it.',
    fix: 'Take one of the services that `dinmo show platforms` lists for the platform.',
  },
  'unknown-destination': {
    severity: 'error',
    title: 'No destination has this name',
    why: 'An activation sends to a destination of `dinmo.yml`.',
    fix: 'Correct `to:`, or add the destination to `dinmo.yml`.',
    bad: 'activations: {newsletter: {to: hubspt}}',
    good: 'activations: {newsletter: {to: hubspot}}',
  },
} satisfies Readonly<Record<string, Row>>;

export type KnowledgeFindingCode = keyof typeof DOCS;

function docOf(code: KnowledgeFindingCode): FindingDoc {
  return { bad: '', good: '', ...DOCS[code], code };
}

/** What `buildKnowledgeStore` may find, for docs/checks.md. */
export const KNOWLEDGE_FINDINGS: readonly FindingDoc[] = (Object.keys(DOCS) as KnowledgeFindingCode[]).map(docOf);

/** Collects findings while the Knowledge Store is built. The same finding at the same place is kept once. */
export class Findings {
  readonly #list = new Map<string, Finding>();

  add(code: KnowledgeFindingCode, detail: FindingDetail): void {
    const finding = findingOf(docOf(code), detail);
    const place = finding.location;
    this.#list.set(`${code} ${place?.file}:${place?.line}:${place?.column} ${finding.message}`, finding);
  }

  get list(): readonly Finding[] {
    return [...this.#list.values()];
  }
}
