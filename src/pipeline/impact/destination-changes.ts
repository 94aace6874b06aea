import { readsPhones } from '../../knowledge/service-facts.ts';
import type { Destination } from '../../knowledge/store.ts';
import type { ImpactChange } from '../../report/impact-report.ts';
import type { Compared } from './compared.ts';
import { isSame, listed, reachText } from './words.ts';

/** dinmo.yml: destinations, and what holds for the whole project. */
export function settingsChanges(compared: Compared): readonly ImpactChange[] {
  const { base, branch } = compared;
  const destinations = [...base.store.destinations.values()].flatMap((before) => {
    const after = branch.store.destinations.get(before.name);
    return after === undefined ? removedDestination(before, compared) : changedDestination(before, after, compared);
  });
  return [...projectChanges(compared), ...destinations];
}

function removedDestination(destination: Destination, { base }: Compared): readonly ImpactChange[] {
  const activations = [...base.store.activations.values()].filter((one) => one.destination === destination.name);
  return [
    {
      ...plain(destination),
      code: 'destination-removed',
      severity: activations.length > 0 ? 'attention' : 'note',
      message: `The destination ${destination.name} is gone.`,
      effect:
        activations.length === 0
          ? 'Nothing was sent there.'
          : `Nothing is sent there any more, and what ${listed(activations.map(({ id }) => id))} sent stays.`,
      activations: activations.map(({ id }) => id).sort(),
      location: null,
    },
  ];
}

function changedDestination(before: Destination, after: Destination, compared: Compared): readonly ImpactChange[] {
  const { branch, reach } = compared;
  const told = { ...plain(after), ...reach.ofDestination(after.name) };
  const facts = branch.context.services.facts(after.platform, after.service);
  const changed = [...new Set([...Object.keys(before.config), ...Object.keys(after.config)])].filter(
    (name) => !isSame(before.config[name], after.config[name]),
  );
  // Of the whole project's, those that read no phone numbers take no notice.
  const readsCountry = facts === null || readsPhones(facts);
  if (readsCountry && before.defaultCountry !== after.defaultCountry) changed.push('default_country');
  const core = [
    ...(before.platform === after.platform ? [] : ['platform']),
    ...(before.service === after.service ? [] : ['service']),
    ...changed.filter((name) => facts?.config.find((fact) => fact.name === name)?.core === true),
    ...(hostOf(before) === hostOf(after) ? [] : ['base_url']),
  ];
  const tuning = changed.filter((name) => !core.includes(name));
  const value = (destination: Destination, name: string): string => {
    if (name === 'platform' || name === 'service') return `${name}: ${destination[name]}`;
    if (name === 'default_country') return `${name}: ${destination.defaultCountry ?? 'not stated'}`;
    return `${name}: ${String((name === 'base_url' ? destination.baseUrl : destination.config[name]) ?? 'not stated')}`;
  };
  return [
    ...(core.length === 0
      ? []
      : [
          {
            ...told,
            code: 'destination-core-changed',
            severity: 'breaks' as const,
            message: `${after.name} means another place: ${listed(core)} changed.`,
            effect: `A destination keeps its account: once synced, the next sync refuses ${reachText(told) || 'it'}. Make a new destination for the new one.`,
            before: core.map((name) => value(before, name)),
            after: core.map((name) => value(after, name)),
          },
        ]),
    ...(tuning.length === 0
      ? []
      : [
          {
            ...told,
            code: 'destination-settings-changed',
            severity: 'attention' as const,
            message: `Settings of ${after.name} changed: ${listed(tuning)}.`,
            effect: `What is sent from now on follows them: ${reachText(told) || 'nothing is sent there yet'}.`,
            before: tuning.map((name) => value(before, name)),
            after: tuning.map((name) => value(after, name)),
          },
        ]),
    ...excludeChange(before, after, told),
    ...(isSame(before.credentials, after.credentials)
      ? []
      : [
          {
            ...told,
            code: 'credentials-changed',
            severity: 'note' as const,
            message: `${after.name} takes its credentials from other variables.`,
            effect: 'The sync stops where they are not set, or belong to another account.',
          },
        ]),
  ];
}

function excludeChange(before: Destination, after: Destination, told: ImpactChange): readonly ImpactChange[] {
  const added = after.exclude.filter((name) => !before.exclude.includes(name));
  const removed = before.exclude.filter((name) => !after.exclude.includes(name));
  if (added.length + removed.length === 0) return [];
  return [
    {
      ...told,
      code: 'exclude-changed',
      severity: 'attention',
      message: `Who is never sent to ${after.name} changed.`,
      effect: [
        ...(added.length > 0 ? [`Members of ${listed(added)} are removed from it, under the guards.`] : []),
        ...(removed.length > 0 ? [`Members of ${listed(removed)} are sent to it from now on.`] : []),
      ].join(' '),
      before: before.exclude,
      after: after.exclude,
    },
  ];
}

function hostOf({ baseUrl }: Destination): string | null {
  return baseUrl !== null && URL.canParse(baseUrl) ? new URL(baseUrl).host : baseUrl;
}

function projectChanges({ base, branch }: Compared): readonly ImpactChange[] {
  const [was, is] = [base.project.settings, branch.project.settings];
  const told: ImpactChange = {
    code: '',
    severity: 'attention',
    subject: { kind: 'project', name: is.file ?? 'dinmo.yml' },
    column: null,
    message: '',
    effect: '',
    before: null,
    after: null,
    guess: false,
    segments: [...branch.store.segments.keys()].sort(),
    activations: [...branch.store.activations.keys()].sort(),
    location: is.origin?.locate([]) ?? null,
  };
  const setting = (
    name: string,
    [before, after]: readonly [string, string],
    rest: Pick<ImpactChange, 'effect'> & Partial<ImpactChange>,
  ): readonly ImpactChange[] =>
    before === after
      ? []
      : [
          {
            ...told,
            code: `${name}-changed`,
            message: `The ${name} of the project is ${after}, before ${before}.`,
            before: [before],
            after: [after],
            ...rest,
          },
        ];
  return [
    ...setting('timezone', [was.timezone, is.timezone], {
      effect: 'Days and windows of days begin at other times: members at their edges enter and leave.',
      activations: [],
    }),
    ...setting('delta-storage', [was.schemas.deltaStorage, is.schemas.deltaStorage], {
      severity: 'breaks',
      effect:
        'State is looked for in another schema: unless its tables are moved there, every activation begins anew and sends everything.',
    }),
    ...setting('targets', [text(was.targets), text(is.targets)], {
      effect: 'From targets that are not listed, nothing is sent to real platforms.',
      severity: 'note',
    }),
    ...setting('gate', [`${was.gate.maxAgeHours} hours`, `${is.gate.maxAgeHours} hours`], {
      effect: 'Syncs are blocked at another age of dbt’s results.',
      severity: 'note',
    }),
  ];
}

function text(names: readonly string[] | null): string {
  return names === null ? 'not stated' : names.join(', ');
}

function plain(destination: Destination): ImpactChange {
  return {
    code: '',
    severity: 'note',
    subject: { kind: 'destination', name: destination.name },
    column: null,
    message: '',
    effect: '',
    before: null,
    after: null,
    guess: false,
    segments: [],
    activations: [],
    location: destination.origin.locate(['destinations', destination.name]),
  };
}
