import { type GeneratedFile, header } from './header.ts';
import { GENERATED_TAG } from './names.ts';

/** What a generated model pins, so that the configuration of the project around it changes nothing. */
export interface ModelConfig {
  readonly materialized: 'view' | 'table' | 'history';
  /** The custom schema; the project's own `generate_schema_name` makes the real one. */
  readonly schema: string;
  /** The group of the private models that it reads; null: none. */
  readonly group: string | null;
}

export interface ModelFrame {
  readonly path: string;
  /** Comment lines under the marker. */
  readonly about: readonly string[];
  readonly config: ModelConfig;
}

/** The SQL of one adapter. */
export interface AdapterSql {
  readonly adapter: string;
  readonly sql: string;
}

/** A model file: header, pinned configuration, and the body, once per adapter where their SQL differs. */
export function renderModel(frame: ModelFrame, branches: readonly AdapterSql[]): GeneratedFile {
  const { path, about, config } = frame;
  const content = `${header(path, about)}${renderConfig(config, appending(branches))}\n\n${renderBranches(branches)}`;
  return { path, content };
}

/** dbt-bigquery knows no `append`: a merge without a key only inserts. */
function appending(branches: readonly AdapterSql[]): string {
  const onBigquery = branches.filter(({ adapter }) => adapter === 'bigquery').length;
  if (onBigquery === 0) return "'append'";
  return onBigquery === branches.length ? "'merge'" : "'merge' if target.type == 'bigquery' else 'append'";
}

function renderConfig({ materialized, schema, group }: ModelConfig, append: string): string {
  const lines =
    materialized === 'history'
      ? [
          "materialized='incremental'",
          `incremental_strategy=${append}`,
          'unique_key=none',
          "on_schema_change='append_new_columns'",
          'full_refresh=false',
        ]
      : [`materialized='${materialized}'`];
  lines.push(
    `schema=${quoted(schema)}`,
    'alias=none',
    'enabled=true',
    "access='protected'",
    ...(group === null ? [] : [`group=${quoted(group)}`]),
    "contract={'enforced': false}",
    `tags=['${GENERATED_TAG}']`,
  );
  return `{{ config(\n${lines.map((line) => `  ${line}`).join(',\n')}\n) }}`;
}

function quoted(text: string): string {
  return `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
}

function renderBranches(branches: readonly AdapterSql[]): string {
  const [first] = branches;
  const texts = new Set(branches.map((branch) => branch.sql.trim()));
  if (texts.size <= 1) return `${first?.sql.trim() ?? ''}\n`;
  const parts = branches.map(
    ({ adapter, sql }, index) =>
      `{% ${index === 0 ? 'if' : 'elif'} target.type == '${adapter}' %}\n\n${sql.trim()}\n\n`,
  );
  const known = branches.map((branch) => branch.adapter).join(', ');
  // Only when SQL is really made: a target of another adapter can still be parsed.
  return `${parts.join('')}{% elif execute %}

{{ exceptions.raise_compiler_error("This model was generated for ${known}: name " ~ target.type ~ " under adapters in dinmo.yml and run dinmo generate.") }}

{% endif %}
`;
}
