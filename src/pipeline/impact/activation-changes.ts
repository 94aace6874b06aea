import type { Activation } from '../../knowledge/store.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import type { Compared } from './compared.ts';
import { identifierChanges, mappingChanges } from './mapping-changes.ts';
import { isAppending, isSame, listed } from './words.ts';

/** Activations that came, went, were renamed, or send otherwise. */
export function activationChanges(compared: Compared): readonly ImpactChange[] {
  const { base, branch } = compared;
  const after = [...branch.store.activations.values()];
  const renamed = new Set(after.flatMap(({ was }) => (was === null ? [] : [was])));
  const gone = [...base.store.activations.values()].filter(
    ({ id }) => !branch.store.activations.has(id) && !renamed.has(id),
  );
  return [
    ...after.flatMap((activation) => {
      const former = formerOf(activation, compared);
      if (former === null) return [addedActivation(activation, gone)];
      return changedActivation(former, activation, compared);
    }),
    ...gone.map((activation) => removedActivation(activation, compared)),
  ];
}

/** What an activation was on the base: under its own id, or the one that it names with `was:`. */
export function formerOf(activation: Activation, { base }: Pick<Compared, 'base'>): Activation | null {
  const own = base.store.activations.get(activation.id);
  return own ?? (activation.was === null ? null : (base.store.activations.get(activation.was) ?? null));
}

export function addedActivation(activation: Activation, gone: readonly Activation[]): ImpactChange {
  const twin = gone.find(
    (one) =>
      one.destination === activation.destination &&
      one.entity === activation.entity &&
      isSame(one.mapping, activation.mapping),
  );
  const first = `Its first sync sends every row of ${activation.parent.name} to ${activation.destination}.`;
  return {
    ...plainChange(activation),
    code: 'activation-added',
    severity: 'attention',
    message: `The activation ${activation.id} is new.`,
    effect: !activation.enabled
      ? 'It is not enabled: nothing is sent.'
      : twin === undefined
        ? first
        : `${first} If it is ${twin.id} under another name (a guess), write \`was: ${twin.id}\`: then its state moves, and nothing is sent again.`,
  };
}

function removedActivation(activation: Activation, { branch }: Compared): ImpactChange {
  return {
    ...plainChange(activation),
    code: 'activation-removed',
    severity: 'attention',
    message: `The activation ${activation.id} is gone.`,
    effect: `What it sent stays at ${activation.destination}, and its state in the warehouse: \`dinmo clear\` it before, or name it with \`was:\` where it was renamed.${branch.store.destinations.has(activation.destination) ? '' : ' Its destination is gone too.'}`,
    location: null,
  };
}

function changedActivation(before: Activation, after: Activation, compared: Compared): readonly ImpactChange[] {
  const told = plainChange(after);
  return [
    ...(before.id === after.id
      ? []
      : [
          {
            ...told,
            code: 'activation-renamed',
            severity: 'note' as const,
            message: `The activation ${before.id} is ${after.id} now.`,
            effect: 'Its state moves with it: nothing is sent again for that.',
          },
        ]),
    ...destinationChange(before, after),
    ...enabledChange(before, after),
    ...modeChange(before, after, compared),
    ...operationsChange(before, after),
    ...audienceChange(before, after, compared),
    ...mappingChanges(before, after, { compared, told }),
    ...identifierChanges(before, after, { compared, told }),
    ...consentChange(before, after),
    ...guardChanges(before, after),
    ...eventLimits(before, after),
    ...smallChanges(before, after),
  ];
}

function destinationChange(before: Activation, after: Activation): readonly ImpactChange[] {
  if (before.destination === after.destination) return [];
  return [
    {
      ...plainChange(after),
      code: 'activation-to-changed',
      severity: 'breaks',
      message: `${after.id} goes to ${after.destination}, before to ${before.destination}.`,
      effect: `Once synced, an activation keeps its destination: the next sync refuses it. Make a new activation for ${after.destination}, and clear this one.`,
      before: [before.destination],
      after: [after.destination],
    },
  ];
}

function enabledChange(before: Activation, after: Activation): readonly ImpactChange[] {
  if (before.enabled === after.enabled) return [];
  return [
    {
      ...plainChange(after),
      code: 'enabled-changed',
      severity: 'attention',
      message: `${after.id} is ${after.enabled ? 'enabled' : 'disabled'}.`,
      effect: after.enabled
        ? 'The next sync sends what has gathered since it was disabled.'
        : 'Nothing is sent any more, removals included; what the destination has stays.',
    },
  ];
}

function modeChange(before: Activation, after: Activation, { branch }: Compared): readonly ImpactChange[] {
  if (before.mode === after.mode) return [];
  const effect = isAppending(after, branch.store)
    ? 'Only keys that were never sent go out: changes and removals are not sent any more.'
    : after.mode === 'full'
      ? 'Every sync sends every row again.'
      : 'Only changes are sent: inserts, updates and removals against what was acknowledged.';
  return [
    {
      ...plainChange(after),
      code: 'mode-changed',
      severity: 'attention',
      message: `${after.id} syncs in ${after.mode} mode, before in ${before.mode} mode.`,
      effect,
      before: [before.mode],
      after: [after.mode],
    },
  ];
}

const OPERATION_EFFECTS = {
  insert: ['New rows are sent.', 'New rows are not sent any more.'],
  update: [
    'Changes of rows that the destination has are sent, those of the past too.',
    'Rows that the destination has keep what they have.',
  ],
  delete: [
    'Members who left while delete was not allowed are removed at the next sync, under the guards.',
    'Who leaves stays at the destination.',
  ],
} as const;

function operationsChange(before: Activation, after: Activation): readonly ImpactChange[] {
  const effects = (['insert', 'update', 'delete'] as const).flatMap((operation) => {
    const [was, is] = [before.operations.includes(operation), after.operations.includes(operation)];
    return was === is ? [] : [OPERATION_EFFECTS[operation][is ? 0 : 1]];
  });
  if (effects.length === 0) return [];
  return [
    {
      ...plainChange(after),
      code: 'operations-changed',
      severity: 'attention',
      message: `The operations of ${after.id} changed.`,
      effect: effects.join(' '),
      before: [before.operations.join(', ')],
      after: [after.operations.join(', ')],
    },
  ];
}

function audienceChange(before: Activation, after: Activation, { branch }: Compared): readonly ImpactChange[] {
  if (before.audience === after.audience || after.audience === null || before.audience === null) return [];
  const destination = branch.store.destinations.get(after.destination);
  const facts =
    destination === undefined ? null : branch.context.services.facts(destination.platform, destination.service);
  const renamable = facts?.audience?.renamable ?? true;
  return [
    {
      ...plainChange(after),
      code: 'audience-changed',
      severity: renamable ? 'note' : 'breaks',
      message: `The audience of ${after.id} is called “${after.audience}”, before “${before.audience}”.`,
      effect: renamable
        ? 'The audience is renamed at the platform; its members stay.'
        : `${destination?.platform ?? 'The platform'} cannot rename an audience: once synced, the next sync refuses it.`,
      before: [before.audience],
      after: [after.audience],
    },
  ];
}

/** Of the activation itself, or of its destination. */
function consentChange(before: Activation, after: Activation): readonly ImpactChange[] {
  const names = ({ consent }: Activation): readonly string[] => consent.map(({ path }) => path.join('.')).sort();
  const [was, is] = [names(before), names(after)];
  const [added, removed] = [is.filter((name) => !was.includes(name)), was.filter((name) => !is.includes(name))];
  if (added.length + removed.length === 0) return [];
  const removes = after.operations.includes('delete') ? 'are removed, under the guards' : 'stay where they were sent';
  return [
    {
      ...plainChange(after),
      code: 'consent-changed',
      severity: 'attention',
      message: `Who has to agree before ${after.id} sends them changed.`,
      effect: [
        ...(added.length > 0
          ? [`Members whose ${listed(added)} is not true are not sent any more, and ${removes}.`]
          : []),
        ...(removed.length > 0 ? [`Members are sent whatever their ${listed(removed)} says.`] : []),
      ].join(' '),
      before: was,
      after: is,
    },
  ];
}

function guardChanges(before: Activation, after: Activation): readonly ImpactChange[] {
  const names = (Object.keys(after.guards) as (keyof typeof after.guards)[]).filter(
    (name) => before.guards[name] !== after.guards[name],
  );
  if (names.length === 0) return [];
  const looser = names.filter((name) =>
    name === 'allow_empty' ? after.guards.allow_empty : Number(after.guards[name]) > Number(before.guards[name]),
  );
  return [
    {
      ...plainChange(after),
      code: 'guards-changed',
      severity: looser.length > 0 ? 'attention' : 'note',
      message: `The guards of ${after.id} changed: ${listed(names)}.`,
      effect:
        looser.length > 0
          ? `Removals that were stopped before may pass now (${listed(looser)}).`
          : 'Removals that passed before may be stopped now.',
      before: names.map((name) => `${name}: ${before.guards[name]}`),
      after: names.map((name) => `${name}: ${after.guards[name]}`),
    },
  ];
}

function eventLimits(before: Activation, after: Activation): readonly ImpactChange[] {
  if (isSame([before.since, before.lookback], [after.since, after.lookback])) return [];
  const text = ({ since, lookback }: Activation): string =>
    `since ${since ?? 'ever'}, lookback ${lookback === null ? 'none' : `${lookback.last} ${lookback.unit}`}`;
  return [
    {
      ...plainChange(after),
      code: 'event-window-changed',
      severity: 'attention',
      message: `How far back ${after.id} sends events changed.`,
      effect: 'Events that were too old before, and were never sent, go out if the new limits let them.',
      before: [text(before)],
      after: [text(after)],
    },
  ];
}

function smallChanges(before: Activation, after: Activation): readonly ImpactChange[] {
  const changes: ImpactChange[] = [];
  if (before.schedule !== after.schedule)
    changes.push({
      ...plainChange(after),
      code: 'schedule-changed',
      message: `${after.id} runs ${after.schedule}, before ${before.schedule}.`,
      effect: 'It is synced at other times; nobody enters or leaves for it.',
      before: [before.schedule],
      after: [after.schedule],
    });
  if (before.attempts !== after.attempts)
    changes.push({
      ...plainChange(after),
      code: 'attempts-changed',
      message: `A rejected row of ${after.id} is tried in ${after.attempts} runs, before in ${before.attempts}.`,
      effect: 'Rejected rows are parked sooner or later; others are not touched.',
    });
  return changes;
}

/** What every change of an activation has; the rest is for whoever tells it. */
export function plainChange(activation: Activation): ImpactChange {
  return {
    code: '',
    severity: 'note',
    subject: { kind: 'activation', name: activation.id },
    column: null,
    message: '',
    effect: '',
    before: null,
    after: null,
    guess: false,
    segments: [],
    activations: [activation.id],
    location: activation.origin.locate(activation.at),
  };
}
