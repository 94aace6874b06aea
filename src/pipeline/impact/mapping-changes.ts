import type { Activation, MappedField } from '../../knowledge/store.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import type { Compared } from './compared.ts';
import type { BranchSide } from './sides.ts';
import { isAppending, isSame, listed, resentText, sourceText } from './words.ts';

/** What a change of a mapping is told with. */
interface Telling {
  readonly compared: Compared;
  readonly told: ImpactChange;
}

/** Fields of the destination that are fed otherwise. */
export function mappingChanges(before: Activation, after: Activation, telling: Telling): readonly ImpactChange[] {
  const was = new Map(before.mapping.map((field) => [field.field, field]));
  const is = new Map(after.mapping.map((field) => [field.field, field]));
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return names.flatMap((name): readonly ImpactChange[] => {
    const [one, other] = [was.get(name), is.get(name)];
    if (other === undefined) return one === undefined ? [] : [removedField(one, after, telling)];
    if (one === undefined) return [addedField(other, after, telling)];
    return changedField(one, other, { after, ...telling });
  });
}

function removedField(field: MappedField, after: Activation, { compared, told }: Telling): ImpactChange {
  return {
    ...told,
    code: 'mapping-field-removed',
    severity: 'attention',
    column: field.field,
    message: `${after.id} no longer feeds the field ${field.field}.`,
    effect: `What the destination has in it stays as it is. ${resent(field, after, compared)}`,
    before: [sourceText(field)],
  };
}

function addedField(field: MappedField, after: Activation, { compared, told }: Telling): ImpactChange {
  return {
    ...told,
    code: 'mapping-field-added',
    severity: 'attention',
    column: field.field,
    message: `${after.id} feeds the field ${field.field} too, with ${sourceText(field)}.`,
    effect: resent(field, after, compared),
    after: [sourceText(field)],
  };
}

/** A field that is written on insert only is no part of what is compared. */
function resent(field: MappedField, after: Activation, { branch }: Telling['compared']): string {
  return field.write === 'on_insert'
    ? 'It is written on insert only: rows that were sent are not sent again for it.'
    : resentText(after, branch.store);
}

function changedField(
  before: MappedField,
  after: MappedField,
  { after: activation, compared, told }: Telling & { readonly after: Activation },
): readonly ImpactChange[] {
  const { branch } = compared;
  const base = { ...told, severity: 'attention' as const, column: after.field };
  const sourceChanged = !isSame(before.source, after.source);
  const formChanged = before.nulls !== after.nulls || before.write !== after.write;
  const isKey = after.field === destinationKey(activation, branch);
  const columnsOnly = before.source.kind !== 'value' && after.source.kind !== 'value';
  return [
    ...(sourceChanged
      ? [
          {
            ...base,
            code: 'mapping-source-changed',
            message: `${activation.id} feeds ${after.field} with ${sourceText(after)}, before with ${sourceText(before)}.`,
            effect: isKey
              ? 'The destination knows its rows by this field: rows whose value differs are other rows there, and the old ones are removed where delete is allowed.'
              : columnsOnly && activation.mode === 'delta' && !isAppending(activation, branch.store)
                ? 'Rows whose value differs between the two are sent again, as updates.'
                : resent(after, activation, compared),
            before: [sourceText(before)],
            after: [sourceText(after)],
          },
        ]
      : []),
    ...(formChanged
      ? [
          {
            ...base,
            code: 'mapping-form-changed',
            message: `How ${activation.id} writes ${after.field} changed.`,
            effect: resent(after, activation, compared),
            before: [`nulls: ${before.nulls}, write: ${before.write}`],
            after: [`nulls: ${after.nulls}, write: ${after.write}`],
          },
        ]
      : []),
  ];
}

function destinationKey(activation: Activation, { context, store }: BranchSide): string | null {
  const destination = store.destinations.get(activation.destination);
  if (destination === undefined) return null;
  const key = context.services.facts(destination.platform, destination.service)?.destinationKey ?? null;
  return key === null ? null : String(destination.config[key.setting] ?? '') || null;
}

/** Identifiers that people are matched by, or that are sent beside one. */
export function identifierChanges(
  before: Activation,
  after: Activation,
  { compared, told }: Telling,
): readonly ImpactChange[] {
  if (isSame(before.identifiers, after.identifiers)) return [];
  const text = ({ kind, rank, path, form, hintOnly }: Activation['identifiers'][number]): string =>
    `${kind}${rank > 1 ? ` ${rank}` : ''} from ${path.join('.')}${form === undefined ? '' : ', hashed already'}${hintOnly ? ', not sent' : ''}`;
  const [was, is] = [before.identifiers.map(text), after.identifiers.map(text)];
  const lost = was.filter((one) => !is.includes(one));
  const kinds = ({ identifiers }: Activation): unknown =>
    identifiers.map(({ kind, rank, form, hintOnly }) => [kind, rank, form, hintOnly]);
  const effect = isSame(kinds(before), kinds(after))
    ? 'Members whose value differs between the two are sent again: their old identifiers are removed, the new ones added.'
    : resentText(after, compared.branch.store);
  return [
    {
      ...told,
      code: 'identifiers-changed',
      severity: 'attention',
      message: `${after.id} sends other identifiers.`,
      effect: `${effect}${lost.length > 0 ? ` Who has no other valid identifier than ${listed(lost)} is removed.` : ''}`,
      before: was,
      after: is,
    },
  ];
}
