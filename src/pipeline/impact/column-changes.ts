import type { ManifestNode } from '../../artifacts/manifest.ts';
import { nodeLabel } from '../../knowledge/node.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import type { Compared } from './compared.ts';
import {
  fold,
  likelyRename,
  madeColumns,
  mentions,
  type StatedColumn,
  statedColumns,
  takesAll,
} from './node-columns.ts';
import type { Reached } from './reach.ts';
import { reachText } from './words.ts';

interface Pair {
  readonly before: ManifestNode;
  readonly after: ManifestNode;
}

/** Columns that rules, keys and mappings read: gone, renamed, of another type. */
export function columnChanges(compared: Compared, pair: Pair): readonly ImpactChange[] {
  const { base, branch, reach } = compared;
  const { before, after } = pair;
  const read = reach.columnsOf(after.uniqueId);
  if (read.length === 0) return [];
  const was = statedColumns(base.project, before);
  const is = statedColumns(branch.project, after);
  const fresh = newColumns(pair, [was.columns, is.columns]);
  return read.flatMap((column) => {
    const reached = reach.ofColumn(after.uniqueId, column);
    const [one, other] = [was.columns.get(fold(column)), is.columns.get(fold(column))];
    const loss = lossOf(column, pair, { one, other, proven: is.complete });
    if (loss !== null) {
      const heir = likelyRename(column, { before: before.rawCode, after: after.rawCode, fresh });
      return [loss === 'unlisted' ? unlisted(pair, column, reached) : lost(pair, column, { reached, loss, heir })];
    }
    if (one === undefined || other === undefined || isSameType(one.dataType, other.dataType)) return [];
    return [retyped(pair, column, { reached, was: one.dataType ?? '', is: other.dataType ?? '' })];
  });
}

type Loss = 'certain' | 'likely' | 'unlisted';

/** Whether a column is gone. YAML may leave columns out, and SQL may take them all: where neither tells, it is still there. */
function lossOf(
  column: string,
  { before, after }: Pair,
  stated: {
    readonly one: StatedColumn | undefined;
    readonly other: StatedColumn | undefined;
    readonly proven: boolean;
  },
): Loss | null {
  if (stated.other !== undefined) return null;
  const wasNamed = mentions(before.rawCode, column);
  const isNamed = mentions(after.rawCode, column);
  if (stated.one !== undefined && stated.proven) return 'certain';
  if (stated.one !== undefined && !isNamed && (wasNamed || !takesAll(after.rawCode))) return 'certain';
  if (stated.one !== undefined) return 'unlisted';
  return wasNamed && !isNamed ? 'likely' : null;
}

function newColumns(
  { before, after }: Pair,
  [was, is]: readonly [ReadonlyMap<string, StatedColumn>, ReadonlyMap<string, StatedColumn>],
): readonly string[] {
  const known = new Set([...was.keys(), ...madeColumns(before.rawCode)]);
  const names = [...is.values()].map(({ name }) => name).concat(madeColumns(after.rawCode));
  const seen = new Map(names.map((name) => [fold(name), name]));
  return [...seen].filter(([name]) => !known.has(name)).map(([, name]) => name);
}

function change(
  { after }: Pair,
  column: string,
  rest: Pick<ImpactChange, 'code' | 'severity' | 'message' | 'effect' | 'guess'> & {
    readonly reached: Reached;
    readonly before?: readonly string[];
    readonly after?: readonly string[];
  },
): ImpactChange {
  const { reached, before = null, after: now = null, ...told } = rest;
  return {
    ...told,
    subject: { kind: 'model', name: nodeLabel(after) },
    column,
    before,
    after: now,
    segments: reached.segments,
    activations: reached.activations,
    location: { file: after.originalFilePath, line: 1, column: 1 },
  };
}

function lost(
  pair: Pair,
  column: string,
  { reached, loss, heir }: { readonly reached: Reached; readonly loss: Loss; readonly heir: string | null },
): ImpactChange {
  const name = `${nodeLabel(pair.after)}.${column}`;
  const seems = loss === 'likely' ? 'seems to be' : 'is';
  const effect = `${reachText(reached)} ${reached.segments.length + reached.activations.length === 1 ? 'reads' : 'read'} it and cannot be built`;
  if (heir === null)
    return change(pair, column, {
      code: 'column-dropped',
      severity: 'breaks',
      message: `${name} ${seems} gone.`,
      effect: `${effect}: nothing is sent until it is back or no longer read.`,
      guess: loss === 'likely',
      reached,
    });
  return change(pair, column, {
    code: 'column-renamed',
    severity: 'breaks',
    message: `${name} ${seems} gone, and ${heir} is new: probably it was renamed. That is a guess.`,
    effect: `${effect} until they read ${heir}.`,
    guess: true,
    reached,
    before: [column],
    after: [heir],
  });
}

function unlisted(pair: Pair, column: string, reached: Reached): ImpactChange {
  return change(pair, column, {
    code: 'column-unlisted',
    severity: 'note',
    message: `${nodeLabel(pair.after)}.${column} is no longer listed in YAML, though its SQL may still give it.`,
    effect: 'If it is gone, what reads it cannot be built; if it is not, its type and description are lost.',
    guess: true,
    reached,
  });
}

function retyped(
  pair: Pair,
  column: string,
  { reached, was, is }: { readonly reached: Reached; readonly was: string; readonly is: string },
): ImpactChange {
  return change(pair, column, {
    code: 'column-retyped',
    severity: 'attention',
    message: `${nodeLabel(pair.after)}.${column} changes its type from ${was} to ${is}.`,
    effect: `Conditions on it may hold for others, and where it is a key or sent, rows go out again whose text it changes: ${reachText(reached)}.`,
    guess: false,
    reached,
    before: [was],
    after: [is],
  });
}

/** Types that nobody states say nothing; `VARCHAR(20)` and `varchar(20)` are one. */
function isSameType(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return true;
  const plain = (type: string): string => type.toLowerCase().replaceAll(/\s+/g, '');
  return plain(one) === plain(other);
}
