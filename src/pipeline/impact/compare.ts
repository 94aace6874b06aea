import type {
  ImpactActivation,
  ImpactChange,
  ImpactSegment,
  ImpactSeverity,
  ImpactStatus,
} from '../../report/impact-report.ts';
import { activationChanges, formerOf } from './activation-changes.ts';
import type { Compared } from './compared.ts';
import { settingsChanges } from './destination-changes.ts';
import { entityChanges } from './entity-changes.ts';
import { exposureDrift } from './exposure-drift.ts';
import { manifestChanges } from './manifest-changes.ts';
import { modelChanges } from './model-changes.ts';
import { Reach } from './reach.ts';
import { segmentChanges } from './segment-changes.ts';
import type { BaseSide, BranchSide } from './sides.ts';
import { testChanges } from './test-changes.ts';

/** What two sides differ in, and whom that reaches. */
export interface Comparison {
  readonly changes: readonly ImpactChange[];
  readonly segments: readonly ImpactSegment[];
  readonly activations: readonly ImpactActivation[];
  readonly notCompared: readonly string[];
}

/** Added ones of a base that does not show its files may have been there: they are looked for in its models and exposures. */
const SEEN_OTHERWISE = ['segment-added', 'activation-added'];

/** Everything that can be told without a warehouse. */
export async function compareSides(base: BaseSide, branch: BranchSide): Promise<Comparison> {
  const compared: Compared = { base, branch, reach: new Reach(branch.store, branch.project.manifest) };
  const fromManifest = base.kind === 'manifest' ? await manifestChanges(compared) : null;
  const isHidden = ({ code }: ImpactChange): boolean => fromManifest !== null && SEEN_OTHERWISE.includes(code);
  const changes = [
    ...newErrors(base, branch),
    ...modelChanges(compared),
    ...testChanges(compared),
    ...entityChanges(compared),
    ...segmentChanges(compared).filter((change) => !isHidden(change)),
    ...activationChanges(compared).filter((change) => !isHidden(change)),
    ...(fromManifest?.changes ?? settingsChanges(compared)),
    ...(await exposureDrift(branch)),
  ].sort(bySeverity);
  return {
    changes,
    segments: segmentsOf(changes, compared),
    activations: activationsOf(changes, compared),
    notCompared: fromManifest?.notCompared ?? [],
  };
}

/** What `check` finds on this branch and not on the base: with errors, nothing is generated, planned or sent. */
function newErrors(base: BaseSide, branch: BranchSide): readonly ImpactChange[] {
  const known = new Set(base.findings.map(({ code, message }) => `${code} ${message}`));
  return branch.findings
    .filter(({ severity, code, message }) => severity === 'error' && !known.has(`${code} ${message}`))
    .map(({ code, message, fix, location }) => ({
      code: 'check-error',
      severity: 'breaks',
      subject: { kind: 'project', name: code },
      column: null,
      message,
      effect: `Until it is mended nothing can be generated, planned or synced. ${fix}`,
      before: null,
      after: null,
      guess: false,
      segments: [],
      activations: [],
      location,
    }));
}

const RANK: Readonly<Record<ImpactSeverity, number>> = { breaks: 0, attention: 1, note: 2 };

function bySeverity(a: ImpactChange, b: ImpactChange): number {
  return RANK[a.severity] - RANK[b.severity];
}

/** Drift of what is generated reaches nobody by itself: what it follows from is told beside it. */
function reaches({ subject, severity }: ImpactChange): boolean {
  return subject.kind !== 'exposure' && severity !== 'note'
    ? true
    : subject.kind === 'segment' || subject.kind === 'activation';
}

function segmentsOf(changes: readonly ImpactChange[], { base, branch }: Compared): readonly ImpactSegment[] {
  const names = new Set(changes.filter(reaches).flatMap(({ segments }) => segments));
  return [...names].sort().map((segment) => ({
    segment,
    entity: (branch.store.segments.get(segment) ?? base.store.segments.get(segment))?.entity ?? null,
    status: statusOf(changes, 'segment', segment),
    size: null,
    note: null,
  }));
}

function activationsOf(changes: readonly ImpactChange[], compared: Compared): readonly ImpactActivation[] {
  const { base, branch } = compared;
  const ids = new Set(changes.filter(reaches).flatMap(({ activations }) => activations));
  for (const { id, was } of branch.store.activations.values()) if (was !== null && ids.has(id)) ids.delete(was);
  return [...ids].sort().map((id) => {
    const after = branch.store.activations.get(id);
    const one = after ?? base.store.activations.get(id);
    const former = after === undefined ? null : formerOf(after, compared);
    return {
      activation: id,
      was: former === null || former.id === id ? null : former.id,
      segment: one?.parent.kind === 'segment' ? one.parent.name : null,
      destination: one?.destination ?? null,
      status: statusOf(changes, 'activation', id),
      plan: null,
      today: null,
      note: null,
    };
  });
}

function statusOf(changes: readonly ImpactChange[], kind: 'segment' | 'activation', name: string): ImpactStatus {
  const own = changes.filter(({ subject }) => subject.kind === kind && subject.name === name).map(({ code }) => code);
  if (own.includes(`${kind}-added`)) return 'added';
  if (own.includes(`${kind}-removed`)) return 'removed';
  if (own.includes('activation-renamed')) return 'renamed';
  return own.length > 0 ? 'changed' : 'affected';
}
