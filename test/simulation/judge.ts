import type { Rows, World } from './history.ts';
import type { Member } from './member.ts';
import { listModel, objectsModel, poisonModel, rowsModel, sha256 } from './model.ts';
import type { Network } from './network.ts';
import { foreignEmail } from './others.ts';
import { AUDIENCE, laterForm } from './subject.ts';

export interface Ending {
  readonly world: World;
  readonly network: Network;
  readonly rows: Rows;
  /** The normaliser of the last run. */
  readonly normaliser: 1 | 2;
  /** Records that others made. */
  readonly theirs: readonly string[];
}

/** How what the platform holds differs from what the model says; empty when it does not. */
export function judgePlatform(ending: Ending): readonly string[] {
  switch (ending.world.kind) {
    case 'meta list':
    case 'hubspot list':
      return judgeList(ending);
    case 'hubspot objects':
      return judgeObjects(ending);
    case 'webhook rows':
    case 'rows by jobs':
      return judgeRows(ending);
  }
}

function judgeList({ world, network, rows, normaliser }: Ending): readonly string[] {
  const meta = world.kind === 'meta list';
  const { must, may } = listModel(rows.a, { phones: meta });
  const sent = (identifier: string): string => {
    const [kind, value = ''] = identifier.split(' ');
    const plain = meta ? sha256(value.replace('+', '')) : value;
    return `${kind} ${normaliser === 2 ? laterForm(plain) : plain}`;
  };
  const others = world.foreign.map((group) => `email ${meta ? sha256(foreignEmail(group)) : foreignEmail(group)}`);
  const wanted = new Map([...must].map((identifier) => [sent(identifier), identifier]));
  for (const other of others) wanted.set(other, 'a foreign member');
  const allowed = new Set([...wanted.keys(), ...[...may].map(sent)]);
  const lists = network.destination
    .holdings(Number.POSITIVE_INFINITY)
    .audiences.filter(({ name }) => name === AUDIENCE);
  const held = new Set(
    (lists[0]?.members ?? []).flatMap((member) => [
      ...(member['EMAIL'] ?? member['email'] ?? []).map((value) => `email ${value}`),
      ...(member['PHONE'] ?? []).map((value) => `phone ${value}`),
    ]),
  );
  return [
    ...(lists.length > 1 ? [`there are ${lists.length} lists of one name`] : []),
    ...[...wanted]
      .filter(([identifier]) => !held.has(identifier))
      .map(([, name]) => `${name} is missing from the list`),
    ...[...held]
      .filter((identifier) => !allowed.has(identifier))
      .map((identifier) => `${nameOf(identifier, world)} stands in the list and should not`),
  ];
}

/** What an identifier was before it was hashed, for a reader. */
function nameOf(held: string, world: World): string {
  for (const { states } of world.histories) {
    for (const { email, phone } of states.flatMap(({ a }) => a)) {
      for (const [kind, value] of [
        ['email', email?.trim().toLowerCase()],
        ['phone', phone?.replace('+', '')],
      ]) {
        if (value && held === `${kind} ${sha256(value)}`) return `${kind} ${value}`;
        if (value && held === `${kind} ${laterForm(sha256(value))}`)
          return `${kind} ${value} (hashed by the later rules)`;
      }
    }
  }
  return held;
}

function judgeObjects({ world, network, rows, theirs }: Ending): readonly string[] {
  const [contacts] = network.destination.holdings(Number.POSITIVE_INFINITY).objects;
  const records = contacts?.records ?? [];
  const models = { firstname: objectsModel(rows.a), nickname: objectsModel(rows.b) };
  const wanted = new Set([...models.firstname.keys(), ...models.nickname.keys()]);
  // Where a row was refused under its new address, the record that it had stays as it was.
  const poisoned = new Set(world.histories.filter(({ group }) => hasPoison(rows, group)).map(({ group }) => group));
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const { id, fields } of records) {
    const email = String(fields['email']);
    if (seen.has(email)) problems.push(`${email} has two records`);
    seen.add(email);
    const group = Number(/(\d+)@/.exec(email)?.[1]);
    if (!wanted.has(email) && !theirs.includes(id) && !poisoned.has(group))
      problems.push(`${email} has a record and should not`);
  }
  for (const email of wanted) if (!seen.has(email)) problems.push(`${email} has no record`);
  for (const id of theirs)
    if (!records.some((record) => record.id === id)) problems.push(`record ${id}, which was there before us, is gone`);
  for (const [field, model] of Object.entries(models)) {
    for (const [email, { name }] of model) {
      const found = records.find(({ fields }) => fields['email'] === email)?.fields[field];
      if (name !== null && found !== undefined && found !== name)
        problems.push(`${field} of ${email} is ${String(found)}, not ${name}`);
      if (name !== null && found === undefined) problems.push(`${field} of ${email} is missing`);
    }
  }
  return problems;
}

function hasPoison(rows: Rows, group: number): boolean {
  const poison = [...poisonModel(rows.a, 'hubspot objects'), ...poisonModel(rows.b, 'hubspot objects')];
  return poison.includes(`poison${group}@x.test`);
}

function judgeRows({ network, rows }: Ending): readonly string[] {
  const [held] = network.destination.holdings(Number.POSITIVE_INFINITY).objects;
  const found = new Map((held?.records ?? []).map(({ id, fields }) => [id, JSON.stringify(fields)]));
  const problems: string[] = [];
  const model = rowsModel(rows.a);
  for (const [key, fields] of model) {
    if (found.get(key) !== JSON.stringify(fields))
      problems.push(`row ${key} is ${found.get(key) ?? 'missing'}, and should be ${JSON.stringify(fields)}`);
  }
  for (const key of found.keys()) if (!model.has(key)) problems.push(`row ${key} is there and should not`);
  return problems;
}

/** Keys of the rows that stand among the rejected and should not, and of those that should and do not. */
export function judgeRejected(
  kind: string,
  given: { readonly members: readonly Member[]; readonly rejected: readonly string[]; readonly strict: boolean },
): readonly string[] {
  const poison = poisonModel(given.members, kind);
  // What was rejected and is invalid now is not tried any more, and stays in the ledger as it was.
  const invalid = given.members.filter((member) => !given.strict && isInvalid(member, kind));
  const known = new Set([...poison, ...invalid.map(({ id }) => String(id))]);
  return [
    ...given.rejected.filter((key) => !known.has(key)).map((key) => `${key} stands among the rejected and is not`),
    ...[...poison]
      .filter((key) => !given.rejected.includes(key))
      .map((key) => `${key} is poison and not among the rejected`),
  ];
}

function isInvalid({ email, phone }: Member, kind: string): boolean {
  return kind.endsWith('list') && !email?.includes('@') && !(kind === 'meta list' && phone?.startsWith('+'));
}
