import type { ManifestNode } from '../../artifacts/manifest.ts';
import type { Project } from '../../artifacts/project.ts';
import { nearest } from '../../finding.ts';

/** A column that one side states, with the type where it is stated. */
export interface StatedColumn {
  readonly name: string;
  readonly dataType: string | null;
}

/** What a node's columns are on one side, as far as YAML, catalog or warehouse say, by folded name. */
export interface StatedColumns {
  readonly columns: ReadonlyMap<string, StatedColumn>;
  /** Proven to be all of them. */
  readonly complete: boolean;
}

/** Names are compared as most warehouses do: without case. */
export function fold(name: string): string {
  return name.toLowerCase();
}

/** What is stated of a node's columns. */
export function statedColumns(project: Project, node: ManifestNode): StatedColumns {
  const columns = new Map<string, StatedColumn>();
  for (const column of node.columns.values())
    columns.set(fold(column.name), { name: column.name, dataType: column.dataType });
  const catalog = project.catalog.get(node.uniqueId);
  for (const [name, dataType] of catalog ?? []) {
    const known = columns.get(fold(name));
    columns.set(fold(name), { name: known?.name ?? name, dataType: known?.dataType ?? dataType });
  }
  return { columns, complete: catalog !== undefined || node.contractEnforced };
}

/** Code without what it says to people. */
export function plainCode(code: string): string {
  return code
    .replaceAll('\r\n', '\n')
    .replaceAll(/\{#[\s\S]*?#\}|\/\*[\s\S]*?\*\/|--[^\n]*/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Whether the code names a column. */
export function mentions(code: string, column: string): boolean {
  const word = column.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\w$])${word}(?![\\w$])`, 'i').test(plainCode(code));
}

/** Whether the code takes every column of something, so that what it does not name may be there all the same. */
export function takesAll(code: string): boolean {
  return /(?:select|,|\.)\s*(?:distinct\s+)?\*|\bstar\s*\(/i.test(plainCode(code));
}

/** Where a column may have gone: another one that is new, made of the same expression, or called nearly the same. */
export function likelyRename(
  column: string,
  { before, after, fresh }: { readonly before: string; readonly after: string; readonly fresh: readonly string[] },
): string | null {
  const [was, is] = [plainCode(before), plainCode(after)];
  const named = (name: string): RegExp => new RegExp(`([\\w."()]+)\\s+as\\s+"?${name}"?(?![\\w$])`, 'i');
  const expression = named(column).exec(was)?.[1] ?? column;
  const same = fresh.find((name) => fold(named(name).exec(is)?.[1] ?? '') === fold(expression));
  if (same !== undefined) return same;
  const near = nearest(column, fresh);
  if (near !== null) return near;
  // `email` and `email_address`.
  return (
    fresh.find(
      (name) => fold(name).split('_').includes(fold(column)) || fold(column).split('_').includes(fold(name)),
    ) ?? null
  );
}

/** The names that follow `as` in the code: columns that it makes. */
export function madeColumns(code: string): readonly string[] {
  return [...plainCode(code).matchAll(/\bas\s+"?([a-z_][\w$]*)"?/gi)].map((match) => fold(match[1] ?? ''));
}
