import type { ManifestNode } from '../artifacts/manifest.ts';
import { DinmoError } from '../errors.ts';
import { entityModelName, findGenerated, segmentModelName } from '../models/names.ts';
import type { GrantsReport } from '../report/grants-report.ts';
import type { SchemaName } from '../warehouse/grants.ts';
import { grantStatements } from '../warehouse/registry.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type Context, connectWarehouse, loadContext } from './context.ts';
import { storageVerdict } from './doctor.ts';
import type { CommandOptions } from './options.ts';
import { storageSchema } from './storage.ts';

/**
 * What an administrator grants the account of the target, and what of it is missing: every relation that a plan may read is
 * looked at, and a table is made where the state lives, and taken back. Throws DinmoError where the artifacts cannot be read, or
 * `not-generated`.
 */
export async function explainGrants(options: CommandOptions): Promise<GrantsReport> {
  const context = await loadContext(options);
  const profile = context.project.profile();
  const relations = readRelations(context);
  const statements = await grantStatements(profile, {
    read: schemasOf(relations),
    write: [storageSchema(context)],
  });
  const missing = await findMissing(context, relations);
  return { warehouse: profile.type, statements, missing, exitCode: missing.length > 0 ? 1 : 0 };
}

/** The generated views, and the relations behind the entities: a column that a view hides is read there. */
function readRelations({ store, project: { manifest } }: Context): readonly ManifestNode[] {
  const generated = [
    ...[...store.entities.keys()].map(entityModelName),
    ...[...store.segments.keys()].map(segmentModelName),
  ].map((name) => findGenerated(manifest, name));
  const behind = [...store.entities.values()].map(({ node }) => manifest.nodes.get(node.uniqueId) ?? null);
  const found = [...generated, ...behind].filter((node) => node !== null);
  return [...new Map(found.map((node) => [node.uniqueId, node])).values()];
}

function schemasOf(nodes: readonly ManifestNode[]): readonly SchemaName[] {
  const named = nodes.map(
    ({ database, schema }) => [JSON.stringify([database, schema]), { database, schema }] as const,
  );
  return [...new Map(named).entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, schema]) => schema);
}

async function findMissing(context: Context, relations: readonly ManifestNode[]): Promise<GrantsReport['missing']> {
  const missing: GrantsReport['missing'][number][] = [];
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof DinmoError)) throw thrown;
      missing.push({ what, detail: thrown.message, fix: thrown.fix });
    }
  };
  let open: Warehouse | null = null;
  await attempt('the warehouse', async () => {
    open = await connectWarehouse(context, { readOnly: true });
  });
  const warehouse = open as Warehouse | null; // what a closure set is not seen
  if (warehouse === null) return missing;
  try {
    for (const { relationName } of relations)
      if (relationName !== null)
        await attempt(`reading ${relationName}`, () => warehouse.describe(`select * from ${relationName}`));
    await attempt('making temporary tables', async () => {
      await warehouse.run(warehouse.state.createTemporary('dinmo_doctor', 'select 1 as one'));
      await warehouse.run(warehouse.state.dropTemporary('dinmo_doctor'));
    });
  } finally {
    await warehouse.close();
  }
  await attempt('writing state', () => storageVerdict(context));
  return missing;
}
