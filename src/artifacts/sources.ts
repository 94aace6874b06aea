import { existsSync } from 'node:fs';
import { DinmoError } from '../errors.ts';
import { isoTime } from './iso-time.ts';
import { type Loose, listAt, mapAt, readJson, textAt } from './json-file.ts';
import { isMap } from './shape.ts';

/** How fresh one source was when it was last looked at. */
export interface SourceFreshness {
  readonly uniqueId: string;
  /** Lower case: pass, warn, error, runtime error (it could not be read). */
  readonly status: string;
  /** When it was looked at; falls back to the file's `generatedAt`. ISO, UTC. */
  readonly checkedAt: string;
}

/** One sources.json of `dbt source freshness`, or one freshness.json of dbt 2. */
export interface FreshnessResults {
  readonly file: string;
  readonly invocationId: string | null;
  readonly generatedAt: string;
  /** Only what was looked at: a source that is not in here may be as old as it likes. */
  readonly sources: ReadonlyMap<string, SourceFreshness>;
}

/**
 * Reads a sources.json (schemas v1 to v3, dbt 1.x and 2.x) or a freshness.json (dbt 2, whose models are left out: their builds
 * say more). dbt 2 writes statuses with a capital, and leaves out a source that it could not read. Null when there is no file.
 * Throws DinmoError `freshness-unreadable` (artifact).
 */
export function readFreshness(path: string): FreshnessResults | null {
  if (!existsSync(path)) return null;
  const root = readRoot(path);
  const metadata = mapAt(root, 'metadata');
  const generatedAt = isoTime(textAt(metadata, 'generated_at')) ?? '';
  const sources = new Map<string, SourceFreshness>();
  for (const result of entriesOf(root)) {
    const uniqueId = textAt(result, 'unique_id');
    if (!uniqueId?.startsWith('source.')) continue;
    const status = (textAt(result, 'status') ?? 'unknown').toLowerCase();
    const checkedAt = isoTime(textAt(result, 'snapshotted_at')) ?? generatedAt;
    sources.set(uniqueId, { uniqueId, status, checkedAt });
  }
  return { file: path, invocationId: textAt(metadata, 'invocation_id'), generatedAt, sources };
}

/** A list since schema v2; before, a map by unique_id. */
function entriesOf(root: Loose): readonly Loose[] {
  const listed = listAt(root, 'results').filter(isMap);
  if (listed.length > 0) return listed;
  const older = { ...mapAt(root, 'sources'), ...mapAt(root, 'results') };
  return Object.entries(older).flatMap(([uniqueId, result]) =>
    isMap(result) ? [{ unique_id: uniqueId, status: result['state'], ...result }] : [],
  );
}

function readRoot(path: string): Loose {
  let root: unknown;
  let cause: unknown;
  try {
    root = readJson(path);
  } catch (error) {
    cause = error;
  }
  if (isMap(root) && isMap(root['metadata'])) return root;
  throw new DinmoError({
    kind: 'artifact',
    code: 'freshness-unreadable',
    message: `The source freshness at ${path} cannot be read.`,
    fix: 'Run `dbt source freshness` again; if it is running, wait for it to end.',
    cause,
  });
}
