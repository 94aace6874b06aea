import { afterEach, describe, expect, it } from 'vitest';
import type { BatchOutcome, Normaliser } from '../../src/destinations/destination.ts';
import { tableSuffix } from '../../src/diff/state-tables.ts';
import { Death, type Synced, type SyncSettings } from '../pipeline/engine-bench.ts';
import {
  type AudienceSettings,
  audienceFacts,
  EngineWorld,
  hashed,
  type Member,
  normalise,
} from '../pipeline/engine-world.ts';

const SUFFIX = tableSuffix('vip.list');

let world = new EngineWorld();
afterEach(async () => {
  await world.close();
  world = new EngineWorld();
});

type Settings = SyncSettings & AudienceSettings;

const oneByOne = { ...audienceFacts.limits, rowsPerRequestMax: 1, connectionsMax: 1 };

function member(id: number | null, email: string | null, phone: string | null = null, country = 'FR'): Member {
  return { id, email, phone, country };
}

/** What the list has of these addresses and numbers: names of identifiers, hashed as the normaliser with this salt does. */
function names(...identifiers: readonly string[]): readonly string[] {
  return identifiers.map((one) => named(one)).sort();
}

/** `a@x`, `+1`; with `!` at its end as another normaliser hashes it. */
function named(one: string): string {
  const salt = one.endsWith('!') ? 'other' : '';
  const plain = one.replace(/!$/, '');
  return plain.startsWith('+') ? `phone:${hashed('phone', plain, salt)}` : `email:${hashed('email', plain, salt)}`;
}

function held(): readonly string[] {
  return [...world.audience.identifiers()].sort();
}

/** Somebody whom the owner of the list added by hand. */
function addStranger(...identifiers: readonly string[]): void {
  world.audience.rows.set('stranger', new Set(names(...identifiers)));
}

const lost: BatchOutcome = {
  kind: 'retry',
  applied: 'maybe',
  throttled: false,
  afterMs: 1,
  code: 'reset',
  message: 'reset',
};

/** Nothing is left to do, and nothing is owed: the list is what it is said to be. */
async function expectSettled(settings: Settings, ...identifiers: readonly string[]): Promise<void> {
  expect(held()).toEqual(names(...identifiers));
  const { plan } = await world.sync(settings);
  expect(plan).toMatchObject({ planned: { insert: 0, update: 0, delete: 0 } });
}

/** Ways in which a removal fails: refused, lost, and never sent since the platform refused the run. */
const FAILURES: readonly BatchOutcome[] = [
  lost,
  { kind: 'counted', accepted: 0, code: 'no', message: 'no' },
  { kind: 'refused', code: 'no', message: 'no', fix: 'ask' },
];

/** Ways in which a run is not like the one before it; none of them may lose a removal. */
const CHANGES: readonly { readonly name: string; readonly settings: Settings; readonly kinds?: readonly string[] }[] = [
  { name: 'nothing else changed', settings: {} },
  { name: 'everything is sent again', settings: { everything: true } },
  { name: 'the mode is full now', settings: { mode: 'full' } },
  { name: 'telephone numbers are not sent any more', settings: { kinds: ['email'] } },
  { name: 'addresses are not sent any more', settings: { kinds: ['phone'] } },
  { name: 'another normaliser hashes', settings: { salt: 'other' } },
  { name: 'all at once', settings: { mode: 'full', everything: true, kinds: ['email'], salt: 'other' } },
];

/** What the members hold after such a run: of those, what is still sent, hashed as the newest normaliser does where it is sent again. */
function expectedOf(settings: Settings, stay: readonly string[], resent: readonly string[]): readonly string[] {
  const isSent = (one: string) => settings.kinds?.includes(one.startsWith('+') ? 'phone' : 'email') ?? true;
  const everybody = settings.everything === true || settings.mode === 'full' || settings.kinds !== undefined;
  const again = settings.salt === 'other' ? '!' : '';
  return [...stay.map((one) => one + (everybody ? again : '')), ...resent.map((one) => one + again)].filter(isSent);
}

describe.each(CHANGES)('when $name', ({ settings }) => {
  it('a leaver is removed, as it was added, and one whose identifier changed loses the old one', async () => {
    await world.hold([member(1, 'leaver@x', '+1'), member(2, 'old@x', '+2'), member(3, 'stays@x', '+3')]);
    await world.sync();
    await world.hold([member(2, 'new@x', '+2'), member(3, 'stays@x', '+3')]);
    const { counts } = await world.sync(settings);
    expect(counts).toMatchObject({ rejected: 0, deferred: 0, unknown: 0 });
    expect(counts?.accepted.delete).toBe(1);
    await expectSettled(
      { ...settings, mode: 'delta', everything: false },
      ...expectedOf(settings, ['stays@x', '+3'], ['new@x', '+2']),
    );
    // Removals speak the words of the add: never those of a later normaliser.
    const removed = new Set(world.audience.removals.flatMap((removal) => [...removal]));
    for (const gone of names('leaver@x', '+1', 'old@x')) expect(removed).toContain(gone);
    for (const never of names('leaver@x!', '+1!', 'old@x!')) expect(removed).not.toContain(never);
  });

  it('removals that failed before are made up for', async () => {
    await world.hold([member(1, 'leaver@x', '+1'), member(2, 'old@x', '+2'), member(3, 'stays@x', '+3')]);
    await world.sync();
    await world.hold([member(2, 'new@x', '+2'), member(3, 'stays@x', '+3')]);
    const answer = FAILURES[CHANGES.findIndex((change) => change.settings === settings) % FAILURES.length] ?? lost;
    world.audience.fault = (batch) => (batch.operation === 'delete' ? answer : null);
    const failed = await world.sync();
    expect(failed.counts?.accepted.delete).toBe(0);
    expect(held()).toEqual(expect.arrayContaining([...names('leaver@x', '+1', 'old@x')]));
    world.audience.fault = null;
    await world.sync(settings);
    await expectSettled(
      { ...settings, mode: 'delta', everything: false },
      ...expectedOf(settings, ['stays@x', '+3'], ['new@x', '+2']),
    );
  });
});

describe('another normaliser', () => {
  it('sends nobody again by itself, and every removal is in the words of its add', async () => {
    await world.hold([member(1, 'a@x', '+1'), member(2, 'b@x'), member(3, 'c@x')]);
    await world.sync();
    const sent = world.audience.sentRows;
    expect((await world.sync({ salt: 'other' })).plan).toMatchObject({ changes: 0, unchanged: 3 });
    expect(world.audience.sentRows).toBe(sent);
    // One joins, one changes, one leaves; later the joiner leaves too.
    await world.hold([member(2, 'b@x', null, 'DE'), member(3, 'c@x'), member(4, 'd@x')]);
    await world.sync({ salt: 'other' });
    expect(held()).toEqual(names('b@x!', 'c@x', 'd@x!'));
    await world.hold([member(3, 'c@x')]);
    await world.sync();
    await expectSettled({}, 'c@x');
  });

  it('does not make two of an identifier that members share', async () => {
    await world.hold([member(1, 'a@x', '+1')]);
    await world.sync();
    await world.hold([member(1, 'a@x', '+1'), member(2, 'b@x', '+1')]);
    await world.sync({ salt: 'other' });
    await world.hold([member(2, 'b@x', '+1')]);
    await world.sync({ salt: 'other' });
    expect(held()).toEqual(names('b@x!', '+1!'));
    await world.hold([]);
    await world.sync();
    await expectSettled({});
  });
});

describe('what a column is said to hold', () => {
  const identifiers = { matching: ['email', 'phone'], hints: [], hashed: ['email'] } as const;
  const facts = { ...audienceFacts, identifiers };
  const numbers: Normaliser = {
    version: 1,
    normalise: (kind, value, { country = '' }) =>
      kind === 'phone' ? hashed(kind, `${country} ${value}`) : normalise(kind, value),
  };

  async function syncAs(form: 'raw' | 'sha256', defaultCountry?: string): Promise<Synced> {
    const base = world.activation({ facts });
    const columns = base.source.identifiers
      .filter(({ kind }) => kind !== 'country')
      .map((one) => (one.kind === 'email' && form === 'sha256' ? { ...one, form } : one));
    const config = defaultCountry === undefined ? {} : { default_country: defaultCountry };
    const source = { ...base.source, identifiers: columns };
    return await world.bench.sync({ ...base, config, facts, normaliser: numbers, source });
  }

  it('is sent anew when it says another form, and goes as it was sent', async () => {
    const digest = 'f1a380e36299cc9e667d3485ebf78d8f0189d684d776a66cc9f26a54d82dc76c';
    await world.hold([member(1, 'a@x'), member(2, digest.toUpperCase())]);
    expect((await syncAs('raw')).plan).toMatchObject({ planned: { insert: 1 } });
    expect(held()).toEqual(names('a@x'));
    // The address is no hash: its member leaves, with what was sent of it.
    await syncAs('sha256');
    expect(held()).toEqual([`email:${digest}`]);
    expect((await syncAs('sha256')).plan).toMatchObject({ changes: 0 });
    await syncAs('raw');
    expect(held()).toEqual(names('a@x'));
  });

  it('is sent anew when national numbers belong to another country', async () => {
    await world.hold([member(1, null, '06'), member(2, 'b@x')]);
    await syncAs('raw');
    const numbersOf = (country: string): readonly string[] => [
      ...names('b@x'),
      `phone:${hashed('phone', `${country} 06`)}`,
    ];
    expect(held()).toEqual(numbersOf(''));
    await syncAs('raw', 'FR');
    expect(held()).toEqual(numbersOf('FR'));
    await syncAs('raw', 'DE');
    expect(held()).toEqual(numbersOf('DE'));
    expect((await syncAs('raw', 'DE')).plan).toMatchObject({ changes: 0 });
  });
});

describe('an identifier that members share', () => {
  it.each([
    ['stays', member(2, 'two@x', '+1')],
    ['changed something else', member(2, 'two@x', '+1', 'DE')],
    ['changed its other identifier', member(2, 'too@x', '+1')],
  ])('stays while one of them %s', async (_name, second) => {
    await world.hold([member(1, 'one@x', '+1'), member(2, 'two@x', '+1'), member(3, null, '+1')]);
    await world.sync();
    await world.hold([second, member(3, null, '+1')]);
    await world.sync();
    await expectSettled({}, second.email ?? '', '+1');
    await world.hold([member(3, null, '+1')]);
    await world.sync();
    await expectSettled({}, '+1');
    await world.hold([]);
    await world.sync();
    await expectSettled({});
  });

  it.each([
    ['is doubtful, since its key is there twice', [member(2, 'two@x', '+1'), member(2, 'two@x', '+1')], {}],
    ['may not be updated', [member(2, 'other@x', '+1')], { operations: ['insert', 'delete'] as const }],
  ])('stays while the one that has it %s', async (_name, rows, settings) => {
    await world.hold([member(1, 'one@x', '+1'), member(2, 'two@x', '+1')]);
    await world.sync();
    await world.hold(rows);
    await world.sync(settings);
    expect(held()).toEqual(names('two@x', '+1'));
    await world.hold([]);
    await world.sync();
    await expectSettled({});
  });

  it('stays while one who left, and may not be deleted, has it', async () => {
    await world.hold([member(1, 'one@x', '+1'), member(2, 'two@x', '+1')]);
    await world.sync();
    await world.hold([member(2, 'two@x', '+1')]);
    await world.sync({ operations: ['insert', 'update'] });
    await world.hold([]);
    expect((await world.sync({ operations: ['insert', 'update'] })).plan).toMatchObject({ staying: 2 });
    expect(held()).toEqual(names('one@x', 'two@x', '+1'));
    await world.sync();
    await expectSettled({});
  });

  it('stays while one has it who may not be told of it yet', async () => {
    await world.hold([member(1, 'one@x'), member(2, 'two@x')]);
    await world.sync();
    await world.hold([member(2, 'one@x')]);
    await world.sync({ operations: ['insert', 'delete'] });
    expect(held()).toEqual(names('one@x', 'two@x'));
    await world.sync();
    await expectSettled({}, 'one@x');
  });

  it('leaves with the last, whatever order they leave in, also as the last of one that changed', async () => {
    const three = [member(1, null, '+1'), member(2, 'two@x', '+1'), member(3, 'three@x', '+1')];
    for (const order of [
      [0, 1, 2],
      [1, 2, 0],
    ]) {
      await world.hold(three);
      await world.sync();
      let left = [...three];
      for (const index of order) {
        const gone = three[index];
        // It does not leave, it takes another number.
        left = left.map((one) => (one.id === gone?.id ? { ...one, phone: `+9${one.id}` } : one));
        await world.hold(left);
        await world.sync();
        expect(held().includes(named('+1'))).toBe(left.some(({ phone }) => phone === '+1'));
      }
      await world.hold([]);
      await world.sync();
      await expectSettled({});
    }
  });
});

describe('an identifier that is owed', () => {
  /** Member 2 takes the address of member 1, who leaves; its add is refused for its telephone number. */
  async function owe(): Promise<void> {
    await world.hold([member(1, 'a@x'), member(3, 'c@x')]);
    await world.sync();
    world.audience.poison.add(named('+9'));
    await world.hold([member(2, 'a@x', '+9'), member(3, 'c@x')]);
    expect((await world.sync()).counts).toMatchObject({ rejected: 1, accepted: { delete: 1 } });
    expect(held()).toEqual(names('a@x', 'c@x'));
  }

  it.each([
    ['leaves', [member(3, 'c@x')], ['c@x']],
    ['gives it up', [member(2, 'b@x'), member(3, 'c@x')], ['b@x', 'c@x']],
    ['is accepted', [member(2, 'a@x'), member(3, 'c@x')], ['a@x', 'c@x']],
    ['is parked meanwhile', [member(2, 'a@x', '+9'), member(3, 'c@x')], ['a@x', 'c@x']],
  ])('is nobody’s debt once the new holder %s', async (_name, rows, wanted) => {
    await owe();
    await world.hold(rows);
    for (let run = 0; run < 3; run++) await world.sync({ attempts: 2 });
    expect(held()).toEqual(names(...wanted));
    const owed = await world.bench.query(`select 1 from "DELTA"."identifiers_${SUFFIX}" where owed`);
    expect(owed).toHaveLength(rows.some(({ phone }) => phone === '+9') ? 1 : 0);
    world.audience.poison.clear();
    await world.hold([member(3, 'c@x')]);
    await world.sync();
    await expectSettled({}, 'c@x');
  });

  it.each(CHANGES.filter((_, place) => place % 2 === 0))(
    'is paid though $name, after removals that failed',
    async ({ settings }) => {
      await owe();
      await world.hold([member(3, 'c@x')]);
      const answer = FAILURES[CHANGES.findIndex((change) => change.settings === settings) % FAILURES.length] ?? lost;
      world.audience.fault = (batch) => (batch.operation === 'delete' ? answer : null);
      await world.sync();
      expect(held()).toContain(named('a@x'));
      world.audience.fault = null;
      await world.sync(settings);
      expect(held()).not.toContain(named('a@x'));
      expect(await world.bench.query(`select * from "DELTA"."identifiers_${SUFFIX}" where owed`)).toEqual([]);
    },
  );

  it.each([
    ['refused', FAILURES[1]],
    ['without an answer', FAILURES[0]],
    ['never sent', FAILURES[2]],
  ])('is not forgotten when the one who owes it comes back, and its removal is %s', async (_name, answer) => {
    await owe();
    await world.hold([member(1, 'b@x'), member(3, 'c@x')]);
    world.audience.fault = (batch) => (batch.operation === 'delete' ? (answer ?? lost) : null);
    await world.sync();
    expect(held()).toEqual(names('a@x', 'b@x', 'c@x'));
    world.audience.fault = null;
    await world.sync();
    await expectSettled({}, 'b@x', 'c@x');
  });

  it('waits while nothing may be deleted', async () => {
    await owe();
    await world.hold([member(3, 'c@x')]);
    await world.sync({ operations: ['insert', 'update'] });
    expect(held()).toEqual(names('a@x', 'c@x'));
    await world.sync();
    await expectSettled({}, 'c@x');
  });

  it('survives a death at any moment', async () => {
    await owe();
    await world.hold([member(3, 'c@x', null, 'DE')]);
    for (let step = 0, ended = false; !ended; step += 6) {
      let at = 0;
      world.bench.mayDie = (where) => {
        if (++at > step) throw new Death(where);
      };
      ended = await world.sync().then(
        () => true,
        () => false,
      );
      world.bench.mayDie = () => {};
      // Whoever died: the debt is still known, or paid.
      const rows = await world.bench.query('select 1 from "DELTA".runs');
      expect(rows.length).toBeGreaterThan(0);
    }
    await world.sync();
    await expectSettled({}, 'c@x');
  });
});

describe('a change of identifier whose removal had no answer', () => {
  it.each([
    ['was applied', true],
    ['was not applied', false],
  ])('is made up for when it is taken back: %s', async (_name, applied) => {
    await world.hold([member(1, 'a@x'), member(2, 'b@x')]);
    await world.sync();
    await world.hold([member(1, 'new@x'), member(2, 'b@x')]);
    world.audience.fault = (batch, apply) => {
      if (batch.operation !== 'delete') return null;
      if (applied) apply();
      return lost;
    };
    expect((await world.sync()).counts).toMatchObject({ accepted: { update: 0 }, unknown: 1 });
    world.audience.fault = null;
    await world.hold([member(1, 'a@x'), member(2, 'b@x')]);
    await world.sync();
    await expectSettled({}, 'a@x', 'b@x');
  });
});

describe('members who swap identifiers', () => {
  const facts = { ...audienceFacts, limits: oneByOne };
  const PEOPLE: Readonly<Record<string, readonly [readonly Member[], readonly Member[]]>> = {
    'two, both identifiers': [
      [member(1, 'a@x', '+1'), member(2, 'b@x', '+2')],
      [member(1, 'b@x', '+2'), member(2, 'a@x', '+1')],
    ],
    'two, one identifier': [
      [member(1, 'a@x', '+1'), member(2, 'b@x', '+2')],
      [member(1, 'b@x', '+1'), member(2, 'a@x', '+2')],
    ],
    'two, and one of them a new one besides': [
      [member(1, 'a@x', '+1'), member(2, 'b@x', '+2')],
      [member(1, 'b@x', '+3'), member(2, 'a@x', '+2')],
    ],
    'three in a ring': [
      [member(1, 'a@x'), member(2, 'b@x'), member(3, 'c@x')],
      [member(1, 'b@x'), member(2, 'c@x'), member(3, 'a@x')],
    ],
    'a leaver hands on what a changed one gave up': [
      [member(1, 'a@x', '+1'), member(2, 'b@x', '+2'), member(3, 'c@x')],
      [member(2, 'a@x', '+1'), member(3, 'b@x')],
    ],
  };
  /** What happens to the requests of a run: nothing, refused, lost before it was applied, lost after. */
  const FATES = [
    ['ok'],
    ['refused'],
    ['ok', 'refused'],
    ['lost', 'applied'],
    ['applied', 'refused'],
    ['ok', 'lost'],
    ['ok', 'applied', 'refused'],
    ['ok', 'ok', 'lost', 'applied'],
  ];

  it.each(Object.entries(PEOPLE))('all stay, in either order, whichever half fails: %s', async (name, [one, other]) => {
    // The simplest meets every fate, each of the others some of them: the simulation goes through the rest.
    const start = Object.keys(PEOPLE).indexOf(name);
    const met = start === 0 ? FATES : FATES.filter((_, fate) => fate % 4 === start % 4);
    const identifiers = (rows: readonly Member[]) =>
      rows.flatMap(({ email, phone }) => [email, phone]).filter((value) => value !== null);
    await world.hold(one);
    await world.sync({ facts });
    // There and back, since rows are sent in their order.
    for (const [turn, fates] of [...met, ...met.slice(-1)].entries()) {
      const rows = turn % 2 === 0 ? other : one;
      await world.hold(rows);
      let request = 0;
      world.audience.fault = (_batch, apply) => {
        const fate = fates[request++] ?? 'ok';
        if (fate === 'applied') apply();
        if (fate === 'refused') return { kind: 'counted', accepted: 0, code: 'no', message: 'no' };
        return fate === 'ok' ? null : lost;
      };
      await world.sync({ facts });
      world.audience.fault = null;
      if (fates[0] !== 'ok' || fates.length > 1) await world.sync({ facts });
      expect({ turn, fates, held: held() }).toEqual({ turn, fates, held: names(...identifiers(rows)) });
    }
  });
});

describe('members whom the tool did not add', () => {
  it('are left alone by everything that a run can do', async () => {
    addStranger('stranger@x', '+99');
    await world.hold([member(1, 'a@x', '+1'), member(2, 'b@x', '+2'), member(3, 'c@x')]);
    await world.sync();
    await world.hold([member(1, 'z@x', '+1'), member(3, 'nonsense')]);
    await world.sync();
    await world.sync({ everything: true, salt: 'other' });
    await world.sync({ mode: 'full', kinds: ['email'] });
    await world.hold([]);
    await world.sync();
    expect(held()).toEqual(names('stranger@x', '+99'));
    const ours = new Set(names('a@x', '+1', 'b@x', '+2', 'c@x', 'z@x', 'z@x!', '+1!'));
    for (const removal of world.audience.removals) for (const one of removal) expect(ours).toContain(one);
  });
});
