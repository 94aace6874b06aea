import type { StateDialect } from '../warehouse/state-dialect.ts';
import { CurrentRows } from './current-rows.ts';
import type { DiffJob, SourceField } from './job.ts';

/** Hashes have no space in them. */
const SEPARATOR = ' ';

/**
 * A text of a row of `CurrentRows`: the signature of the mapping, and a hash of each mapped column's JSON. Never NULL. Under one
 * signature there are the same columns, in the order of their fields' names, whatever the order in which they were mapped. Where an
 * engine's hashes become other ones, every field counts as changed.
 */
export function fieldHashes(dialect: StateDialect, job: DiffJob): string {
  // A NULL is no JSON text, and so differs from every value: from a JSON null, too, which is sent where NULLs are not.
  const hashes = hashedFields(job).map(({ sql, dataType }) => {
    const value = `coalesce(${dialect.valueJson(sql, dataType)}, ${dialect.text('')})`;
    return `cast(${dialect.keyHash(value)} as ${dialect.type('text')})`;
  });
  const signature = dialect.text(new CurrentRows(dialect, job).signature());
  return [signature, ...hashes].join(` || ${dialect.text(SEPARATOR)} || `);
}

/**
 * Whether a field is sent as the platform holds it already, by what `fieldHashes` made of the row that is sent and of the one that
 * was acknowledged last. After a change of the mapping nothing is known of any field.
 */
export function unchangedFields(job: DiffJob): (sent: string, held: string) => { has(field: string): boolean } | null {
  const places = new Map(hashedFields(job).map(({ field }, index) => [field, index + 1]));
  return (sent, held) => {
    const [now, before] = [sent.split(SEPARATOR), held.split(SEPARATOR)];
    if (now[0] !== before[0] || now.length !== before.length) return null;
    return {
      has(field) {
        const place = places.get(field);
        // A constant: another one would be another mapping.
        return place === undefined || now[place] === before[place];
      },
    };
  };
}

interface HashedField {
  readonly field: string;
  readonly sql: string;
  readonly dataType: string;
}

/** What an update carries of the row's columns, by name of the field. */
function hashedFields({ source }: DiffJob): readonly HashedField[] {
  return source.fields.flatMap(hashedField).sort((a, b) => (a.field < b.field ? -1 : 1));
}

function hashedField({ mapped, column }: SourceField): readonly HashedField[] {
  if (column === null || mapped.write !== 'always') return [];
  return [{ field: mapped.field, sql: column.sql, dataType: column.dataType }];
}
