import { DinmoError } from '../../errors.ts';
import type { ServiceContext } from '../destination.ts';
import type { Place } from './place.ts';

export const FORMATS = ['csv', 'jsonl', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

/** How rows are written. */
export interface Form {
  readonly format: Format;
  readonly gzip: boolean;
  /** csv: what stands between cells. */
  readonly delimiter: string;
  /** csv: whether the first line names the columns. */
  readonly header: boolean;
  /** Name of the column that says insert, update or delete; null: it is left out. */
  readonly operationColumn: string | null;
}

/** The files of one sync by their names, which are relative to the destination's place and have `/` between their parts. */
export interface Layout {
  readonly form: Form;
  /** A full replace, else changes. */
  readonly whole: boolean;
  /** `<activation>.<ext>` for a full replace, `<activation>/<sync>.<ext>` for changes. */
  readonly data: string;
  /** The data's name with `.manifest.json` for its ending; null: none is written. */
  readonly manifest: string | null;
  /** Under this name rows wait: each sync has its own. */
  readonly spool: string;
  /** The folder of the activation's change files. */
  readonly changes: string;
}

const DELIMITERS: Readonly<Record<string, string>> = { tab: '\t' };
export const OPERATION_COLUMN = '_operation';

type LayoutContext = Pick<ServiceContext, 'activation' | 'syncId' | 'mode' | 'config' | 'columns' | 'operations'>;

/** Throws DinmoError `invalid-setting` for settings that do not go together. */
export function layOut(context: LayoutContext, place: Place): Layout {
  const form = readForm(context.config);
  const whole = context.mode === 'full';
  if (!whole) checkOperationColumn(form, context);
  checkNames(form, ownColumns({ whole, form }), context.columns);
  const changes = fileName(context.activation);
  const base = whole ? changes : `${changes}/${fileName(context.syncId)}`;
  const wanted = context.config['manifest'] ?? place.kind !== 'folder';
  return {
    form,
    whole,
    data: `${base}.${form.format}${form.gzip ? '.gz' : ''}`,
    manifest: wanted === true ? `${base}.manifest.json` : null,
    spool: `${changes}${whole ? '.' : '/'}${fileName(context.syncId)}`,
    changes,
  };
}

/** Throws DinmoError `invalid-setting`. */
export function readForm(config: ServiceContext['config']): Form {
  const format = FORMATS.find((candidate) => candidate === config['format']) ?? 'csv';
  const delimiter = String(config['delimiter'] ?? ',');
  const form: Form = {
    format,
    gzip: config['compression'] === 'gzip',
    delimiter: DELIMITERS[delimiter] ?? delimiter,
    header: config['header'] !== false,
    operationColumn:
      config['operation_column'] === 'none' ? null : String(config['operation_column'] ?? OPERATION_COLUMN),
  };
  if (format !== 'csv' && (form.delimiter !== ',' || !form.header))
    throw settingError(`delimiter and header are for csv, and format is ${format}`, 'Leave them out, or choose csv.');
  if (format === 'parquet' && form.gzip)
    throw settingError('compression is gzip, and Parquet compresses its own columns', 'Leave compression out.');
  return form;
}

/** Columns of our own that stand before the mapped ones. */
export function ownColumns({ whole, form }: Pick<Layout, 'whole' | 'form'>): readonly string[] {
  if (whole) return [];
  return form.operationColumn === null ? ['_key'] : [form.operationColumn, '_key'];
}

function checkOperationColumn(form: Form, { operations }: LayoutContext): void {
  const column = form.operationColumn;
  if (column === null && operations.some((operation) => operation !== 'insert'))
    throw settingError(
      `operation_column is none, and the activation sends ${operations.join(', ')}: a reader could not tell a removal from a row`,
      'Name a column, use mode full, or allow only insert.',
    );
}

/** A name that a file would have twice: DuckDB renames the second one, a reader of CSV or JSON takes one of the two. */
function checkNames(form: Form, names: readonly string[], columns: LayoutContext['columns']): void {
  const seen = new Map(names.map((name) => [form.format === 'parquet' ? name.toLowerCase() : name, true]));
  for (const { field } of columns) {
    const name = form.format === 'parquet' ? field.toLowerCase() : field;
    const isOwn = seen.get(name);
    if (isOwn !== undefined)
      throw settingError(
        isOwn
          ? `the mapping has a field ${field}, which is the name of a column of ours in files of changes`
          : `the mapping has two fields ${field} that differ in upper and lower case only, which Parquet readers do not tell apart`,
        isOwn
          ? 'Give the field another name, operation_column too where it is that one, or use mode full.'
          : 'Give one of them another name.',
      );
    seen.set(name, false);
  }
}

function settingError(what: string, fix: string): DinmoError {
  return new DinmoError({ kind: 'configuration', code: 'invalid-setting', message: `Files: ${what}`, fix });
}

/** A name as one path segment: what could leave the folder or hide the file becomes `-`. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]/g, '-').replace(/^\.+/, '-');
}
