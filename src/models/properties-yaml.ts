import { Document, parse, Scalar, visit } from 'yaml';
import { type GeneratedFile, header, UNSAFE } from './header.ts';
import { escapeJinja } from './jinja.ts';

/** A generic test, as dbt's YAML has it. */
export type DataTest = Readonly<Record<string, unknown>>;

export interface ColumnProperties {
  readonly name: string;
  readonly description?: string;
  readonly data_type?: string;
  readonly quote?: true;
  readonly data_tests?: readonly DataTest[];
}

export interface ModelProperties {
  readonly name: string;
  readonly description: string;
  readonly data_tests?: readonly DataTest[];
  readonly columns: readonly ColumnProperties[];
}

export interface ExposureProperties {
  readonly name: string;
  readonly label: string;
  readonly type: 'application';
  readonly description: string;
  readonly owner: Readonly<Record<string, string>>;
  readonly depends_on: readonly string[];
  readonly config?: { readonly meta: unknown };
  readonly meta?: unknown;
}

/** What a properties file of dbt holds. */
export interface PropertiesContent {
  readonly models?: readonly ModelProperties[];
  readonly exposures?: readonly ExposureProperties[];
}

/** How the YAML of a project is spelt, which depends on the dbt that reads it. */
export interface YamlStyle {
  /** Test arguments stand under `arguments:` (1.10.5 and later; 2.x wants it, 1.8 and 1.9 refuse it). */
  readonly testArguments: boolean;
  /** Exposures take `config.meta` (1.10 and later; 2.x takes nothing else). */
  readonly exposureConfig: boolean;
}

/** The style for the dbt that wrote the manifest. A version that is not a semantic one is a current one. */
export function yamlStyle(dbtVersion: string): YamlStyle {
  const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(dbtVersion) ?? [];
  const atLeast = (wanted: readonly [number, number, number]): boolean => {
    if (major === undefined) return true;
    const actual = [Number(major), Number(minor), Number(patch ?? 0)];
    for (const [index, number] of wanted.entries()) {
      const difference = (actual[index] ?? 0) - number;
      if (difference !== 0) return difference > 0;
    }
    return true;
  };
  return { testArguments: atLeast([1, 10, 5]), exposureConfig: atLeast([1, 10, 0]) };
}

/** The text of a properties file. Strings are quoted wherever YAML 1.1, which dbt reads, could take them for something else. */
export function renderProperties(path: string, about: readonly string[], content: PropertiesContent): string {
  const document = new Document({ version: 2, ...content }, { version: '1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && !/^[A-Za-z_][\w./-]*( [\w./-]+)*$/.test(node.value)) {
        node.type = Scalar.QUOTE_DOUBLE;
      }
    },
  });
  // Whatever holds one of these is quoted, so that an escape means it.
  const text = document.toString({ lineWidth: 0, blockQuote: false }).replace(UNSAFE, escapeCharacter);
  return `${header(path, about)}\n${text}`;
}

function escapeCharacter(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}

/** A properties file; none where it would be empty. */
export function propertiesFile(path: string, title: string, content: PropertiesContent): readonly GeneratedFile[] {
  if ((content.models ?? content.exposures ?? []).length === 0) return [];
  return [{ path, content: renderProperties(path, [`${title}, as dbt sees them.`], content) }];
}

/** Reads back a properties file that `renderProperties` wrote. */
export function readProperties(content: string): PropertiesContent {
  // The tool's own file: its shape is the one written above.
  return parse(content, { version: '1.1' }) as PropertiesContent;
}

/** accepted_values, as a warning. */
export function acceptedValues(values: readonly string[], style: YamlStyle): DataTest {
  const config = { severity: 'warn' };
  return { accepted_values: style.testArguments ? { arguments: { values }, config } : { values, config } };
}

/** Text of the user's, safe in YAML that dbt renders. */
export function safeText(text: string): string {
  return escapeJinja(text.trim());
}

/**
 * unique and not_null on a key, as warnings: a bad key costs that row, and not the sync. Of a composite key each part
 * must be there and the whole be unique; `concat` takes any type on DuckDB, BigQuery, Snowflake and Postgres alike.
 */
export function keyTests(
  key: readonly string[],
  style: YamlStyle,
): { readonly column: readonly DataTest[]; readonly model: readonly DataTest[] } {
  const config = { severity: 'warn' };
  const notNull = { not_null: { config } };
  if (key.length === 1) return { column: [{ unique: { config } }, notNull], model: [] };
  const joined = { column_name: `concat(${key.join(", ':', ")})` };
  const unique = style.testArguments ? { arguments: joined, config } : { ...joined, config };
  return { column: [notNull], model: [{ unique }] };
}
