import type { Severity } from '../finding.ts';

/** What is found while files are read, before anything adds up: code, severity, meaning. */
export const READING_FINDINGS: readonly (readonly [code: string, severity: Severity, meaning: string])[] = [
  [
    'ambiguous-model',
    'error',
    'A model named in a file of `dinmo/` exists in several packages: write `package.model`.',
  ],
  [
    'annotation-dropped',
    'error',
    'dbt 2 drops an annotation that stands under `meta:`; move it under `config: {meta: …}`.',
  ],
  [
    'annotation-in-old-place',
    'warning',
    'The annotation stands under `meta:`, which dbt 2 drops; move it under `config: {meta: …}`.',
  ],
  [
    'annotation-replaced',
    'warning',
    'An annotation takes the whole place of one in dbt_project.yml: dbt does not merge them.',
  ],
  ['clear-text-credential', 'error', 'A credential is written in clear; write `"{{ env_var(\'NAME\') }}"`.'],
  ['empty-group', 'error', '`all`, `any` or `none` without conditions.'],
  ['empty-list', 'error', 'An operator whose list is empty.'],
  ['invalid-holdout', 'error', '`holdout:` without a percent above 0 and up to 100, or without `salt:`.'],
  [
    'invalid-key',
    'error',
    'A name used as a key has other characters than lower-case letters, digits and underscores, or is too long.',
  ],
  ['invalid-limit', 'error', '`limit:` without exactly one of `rows` and `percent`, or without `by`.'],
  ['invalid-mapping', 'error', 'A mapping with none or several of `column`, `value` and `segment`.'],
  [
    'invalid-name',
    'error',
    'A name has other characters than lower-case letters, digits and underscores, or is too long.',
  ],
  ['invalid-operand', 'error', 'The operand is not one that the operator takes.'],
  ['invalid-percent', 'error', 'A percent that is not above 0 and up to 100.'],
  ['invalid-relationship', 'error', 'A relationship lacks `keys`, or states what its type does not have.'],
  [
    'invalid-rule',
    'error',
    'A condition is not exactly one of all, any, none, not, attribute, relation and segment, or has not exactly one operator.',
  ],
  ['invalid-value', 'error', 'A value that is not among the known ones, or not of the form that the key takes.'],
  ['invalid-window', 'error', 'A stretch of time that is not `{last: N, unit: day}` or `{next: N, unit: day}`.'],
  ['invalid-yaml', 'error', 'The file is not YAML 1.2.'],
  [
    'manifest-older',
    'warning',
    'A YAML or SQL file of the project was changed after the manifest was written: run `dbt parse`, or `dinmo check --parse`.',
  ],
  ['missing-key', 'error', 'A key is missing that the block needs.'],
  ['null-operand', 'error', 'An operator without a value: NULL is asked for with `is_null`.'],
  ['null-value', 'error', 'A key without a value.'],
  ['repeated-item', 'error', 'Something is listed twice.'],
  ['rule-too-deep', 'error', 'Groups are nested deeper than anybody could read.'],
  ['rule-too-long', 'error', 'A group has more conditions than a warehouse takes in one statement.'],
  ['stale-manifest', 'error', 'The YAML was changed after dbt wrote the manifest: run `dbt parse`.'],
  ['stated-twice', 'error', 'The same fact is stated in two places.'],
  [
    'state-left-behind',
    'warning',
    'An activation has state and no block any more: what it sent stays at its destination.',
  ],
  ['unknown-key', 'error', 'A key that the block does not have; the nearest valid one is named.'],
  ['unknown-model', 'error', 'A file of `dinmo/` annotates a model that the project does not have.'],
  ['unknown-timezone', 'error', '`timezone:` is not an IANA name such as Europe/Paris.'],
  ['wrong-type', 'error', 'A value of another kind than the key takes.'],
  [
    'yaml-1-1-value',
    'error',
    'dbt reads YAML 1.1, in which an unquoted `NO`, `on` or `012` is something else: quote it.',
  ],
];
