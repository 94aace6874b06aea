import { parseJson, renderJson } from '../destinations/json.ts';
import { unchangedFields } from '../diff/field-hashes.ts';
import type { DiffJob } from '../diff/job.ts';
import type { Row } from '../warehouse/warehouse.ts';
import { type OutgoingChange, outgoingChange } from './outgoing.ts';

/** How changes of this job are read: whole, or, where that is enough, with the fields that changed and the one that rows are known by. */
export function changeReader(job: DiffJob): (row: Row) => OutgoingChange {
  if (job.changedFieldsOnly !== true) return outgoingChange;
  const unchanged = unchangedFields(job);
  const keyField = job.source.destinationKey?.name;
  return (row) => {
    const { fields, field_hashes: sent, held_hashes: held } = row;
    if (typeof fields !== 'string' || typeof sent !== 'string' || typeof held !== 'string') return outgoingChange(row);
    const same = unchanged(sent, held);
    if (same === null) return outgoingChange(row);
    return outgoingChange({ ...row, fields: changedOnly(fields, (field) => same.has(field), keyField) });
  };
}

/** Where nothing would be left (a NULL that is not sent is all that changed), it is everything: no platform says that it takes a row without fields. */
function changedOnly(json: string, isSame: (field: string) => boolean, keyField: string | undefined): string {
  const fields = Object.entries(parseJson(json) ?? {});
  const changed = fields.filter(([field]) => field !== keyField && !isSame(field));
  if (changed.length === 0) return json;
  return renderJson(Object.fromEntries(fields.filter(([field]) => field === keyField || !isSame(field))));
}
