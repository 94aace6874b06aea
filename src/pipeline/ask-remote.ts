import { changeReader } from '../delivery/changed-fields.ts';
import type { OutgoingRow } from '../destinations/destination.ts';
import { changePages, outgoingChanges } from '../diff/changes.ts';
import type { DiffJob } from '../diff/job.ts';
import { DinmoError } from '../errors.ts';
import { scrub } from '../log.ts';
import type { RemoteVerdict } from '../report/activation-report.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { CommandOptions } from './options.ts';
import type { Prepared } from './prepare-run.ts';
import type { Bench } from './run-activations.ts';
import { serviceContext } from './service-context.ts';

/** Of each phase of a plan so many changes are shown to the platform. */
const SAMPLE_ROWS = 100;
/** More than any plan has changes: each phase is one page. */
const WHOLE_PHASE = 1_000_000_000_000;

/**
 * Shows a platform the first changes of a plan, and asks whether it would take them: nothing is applied, nothing is made.
 * For `plan --remote`, after the plan and in its session. What is wrong is the verdict, never thrown.
 */
export async function askRemote(
  { context, equipment, warehouse }: Pick<Bench, 'context' | 'equipment' | 'warehouse'>,
  prepared: Prepared,
  given: { readonly job: DiffJob; readonly changes: number; readonly options: CommandOptions },
): Promise<RemoteVerdict> {
  const { service } = prepared;
  if (service.validateRemote === undefined) {
    return { asked: false, ok: true, detail: `${service.facts.title}: the platform has no means to ask it` };
  }
  if (given.changes === 0) return { asked: false, ok: true, detail: 'there is nothing to show to the platform' };
  try {
    const rows = await sampleOf(warehouse, given.job);
    const { http } = equipment;
    const asked = serviceContext(prepared, { ...given, syncId: 'plan', projectDir: context.project.dir, http });
    const { ok, detail } = await service.validateRemote(asked, rows);
    return { asked: true, ok, detail: scrub(detail) };
  } catch (thrown) {
    if (!(thrown instanceof DinmoError) || thrown.kind === 'warehouse') throw thrown;
    return { asked: true, ok: false, detail: thrown.message };
  }
}

async function sampleOf(warehouse: Warehouse, job: DiffJob): Promise<readonly OutgoingRow[]> {
  const rows: OutgoingRow[] = [];
  for (const page of await changePages(warehouse, job, WHOLE_PHASE)) {
    const first = { ...page, hi: Math.min(page.hi, page.lo + SAMPLE_ROWS - 1), alike: null };
    rows.push(...(await warehouse.query(outgoingChanges(warehouse.state, job, first))).map(changeReader(job)));
  }
  return rows;
}
