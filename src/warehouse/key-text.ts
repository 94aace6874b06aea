import type { TypedExpression, TypedSql } from './state-dialect.ts';

/** How a warehouse writes what keys are made of. */
interface KeyForms {
  /** A single column as text. */
  plainText(column: TypedSql): string;
  textLiteral(value: string): string;
  valueJson(expression: string, dataType: string): string;
}

/** A key's text, the same on every warehouse: the text of a single column, JSON object text of a composite one; NULL when any part is. */
export function keyText(columns: readonly TypedExpression[], forms: KeyForms): string {
  const [only] = columns;
  if (columns.length === 1 && only) return forms.plainText(only);
  const members = columns.map(
    ({ name, sql, dataType }) =>
      `${forms.textLiteral(`${JSON.stringify(name)}:`)} || ${forms.valueJson(sql, dataType)}`,
  );
  return `'{' || ${members.join(" || ',' || ")} || '}'`;
}
