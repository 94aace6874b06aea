import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceKind } from '../../../src/artifacts/annotation.ts';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import type { Source } from '../../../src/diff/job.ts';
import { type BenchActivation, Death, EngineBench } from '../../pipeline/engine-bench.ts';
import { people, Shop } from '../../rules/shop.ts';
import { MEMBERS, OBJECTS, Orgs } from './org-bench.ts';

/** Dies at each n-th await point; 1 is each. */
const STRIDE = Number(process.env['DINMO_CRASH_STRIDE'] ?? 250);

let orgs: Orgs;
beforeAll(async () => {
  orgs = await Orgs.start();
});
afterAll(() => orgs.close());

describe('dinmo sync to Salesforce', () => {
  it('takes jobs for many changes, requests for few, and keeps a campaign', async () => {
    const shop = await Shop.open();
    try {
      const contacts = people(1, 60).map(({ id }) => ({ LastName: 'Lee', Email: `p${id}@example.com` }));
      const crm = orgs.make();
      const list = orgs.make({ records: { Contact: contacts } });
      shop.workspace.env['SF_SECRET'] = 's3cr3t-salesforce-secret-7';
      const destination = (
        name: string,
        service: string,
        org: { readonly name: string },
        config: string,
      ): string => `  ${name}:
    platform: salesforce
    service: ${service}
    config: {instance_url: "https://acme.my.salesforce.com", ${config}}
    credentials: {client_id: "{{ env_var('SF_SECRET') }}", client_secret: "{{ env_var('SF_SECRET') }}"}
    base_url: ${orgs.sandbox.baseUrl('salesforce', org.name)}
`;
      shop.configure({
        vip: `      contacts: {to: sf_contacts, mapping: {Customer_Id__c: id, LastName: {value: Lee}, Email: email, Title: name}}
      members: {to: sf_campaign, audience: VIP France, identifiers: [email]}`,
        destinations:
          destination(
            'sf_contacts',
            'objects',
            crm,
            'object: Contact, external_id_field: Customer_Id__c, bulk_from: 50',
          ) + destination('sf_campaign', 'audiences', list, 'member_field: Email'),
      });
      await shop.hold(people(1, 60));
      const first = await shop.json('sync');
      expect(first).toMatchObject({
        code: 0,
        activations: [{ accepted: { insert: 60 } }, { accepted: { insert: 60 } }],
      });
      expect(crm.state().objects).toMatchObject([{ type: 'Contact', size: 60, created: 60 }]);
      const uploads = () => crm.state().log.filter(({ method }) => method === 'PUT').length;
      expect(uploads()).toBe(1);

      const [one, , ...others] = people(1, 60);
      await shop.hold([{ ...one, id: 1, name: 'Changed' }, ...others]);
      const { activations } = await shop.json('sync', '--allow-deletes');
      expect(new Map(activations.map(({ activation, accepted }) => [activation, accepted]))).toEqual(
        new Map([
          ['vip.contacts', { insert: 0, update: 1, delete: 0 }],
          ['vip.members', { insert: 0, update: 0, delete: 1 }],
        ]),
      );
      expect(uploads()).toBe(1);
      expect(
        crm
          .state()
          .objects[0]?.records.map(({ fields }) => fields['Title'])
          .filter(Boolean),
      ).toEqual(['Changed']);
      expect(list.state()).toMatchObject({
        audiences: [{ name: 'VIP France', size: 59, removed: 1 }],
        violations: { count: 0 },
      });
    } finally {
      await shop.close();
    }
  });
});

/** A service of Salesforce’s on the bench, and what it has to be told of the rows. */
async function activate(
  bench: EngineBench,
  service: ServiceKind,
  more: ServiceContext['config'],
): Promise<BenchActivation & { readonly org: ReturnType<Orgs['make']> }> {
  const contacts = Array.from({ length: 14 }, (_, index) => ({ LastName: 'Lee', Customer_Id__c: `c-${index + 1}` }));
  const org = orgs.make(service === 'audiences' ? { records: { Contact: contacts } } : { jobPolls: 2 });
  const found = await findService('salesforce', service);
  const config = { ...(service === 'audiences' ? MEMBERS : OBJECTS), ...more };
  const session = await org.open({ config, clock: bench.clock, audienceName: 'vip' }, service);
  const limits = { ...found.facts.limits, rowsPerRequestMax: 4 };
  const { normaliser } = found;
  const { poll } = session;
  return {
    ...{
      id: `all.${org.name}`,
      facts: { ...found.facts, limits },
      source: sourceOf(service),
      deleteExisting: true,
      org,
    },
    operations: found.facts.operations,
    ...(normaliser === null ? {} : { normaliser }),
    send: (batch, signal) => session.send(batch, signal),
    ...(poll === undefined ? {} : { poll: (job, signal) => poll.call(session, job, signal) }),
  };
}

function sourceOf(service: ServiceKind): Source {
  const text = (name: string, sql: string) => ({ name, sql, dataType: 'VARCHAR' });
  const field = (name: string, sql: string): Source['fields'][number] => ({
    mapped: { field: name, source: { kind: 'column', path: [name] }, nulls: 'skip', write: 'always', origin: null },
    column: text(name, sql),
    constantJson: null,
  });
  return {
    sql: 'select id as k0, person as i0, name as f0, person as f1 from rows',
    keys: [{ name: 'id', sql: 'k0', dataType: 'BIGINT' }],
    identifiers:
      service === 'objects' ? [] : [{ ...text('external_id_1', 'i0'), kind: 'external_id', rank: 1, matching: true }],
    fields: service === 'audiences' ? [] : [field('LastName', 'f0'), field('Customer_Id__c', 'f1')],
    eventTime: null,
    destinationKey: service === 'objects' ? text('Customer_Id__c', 'i0') : null,
  };
}

function population(round: number): readonly number[] {
  return Array.from({ length: 14 }, (_, i) => i + 1).filter((id) => (id * 7 + round) % 4 !== 0);
}

const nameOf = (id: number, round: number): string => (id % 2 === 0 ? `name ${id} of ${round}` : `name ${id}`);

/** Dies ever later, syncs again in a process of its own, and compares. */
async function killed(
  service: ServiceKind,
  more: ServiceContext['config'],
  held: (org: ReturnType<Orgs['make']>) => readonly string[],
  wanted: (id: number, round: number) => string,
): Promise<void> {
  const bench = new EngineBench();
  try {
    const activation = await activate(bench, service, more);
    for (let round = 0, ended = false; !ended; round++) {
      const rows = population(round).map((id) => [id, `c-${id}`, nameOf(id, round)] as const);
      await bench.fill('rows', 'id bigint, person varchar, name varchar', rows);
      let step = 0;
      bench.mayDie = (where) => {
        if (++step > round * STRIDE) throw new Death(where);
      };
      ended = await bench.sync(activation).then(
        () => true,
        () => false,
      );
      bench.mayDie = () => {};
      await bench.sync(activation);
      expect([...held(activation.org)].sort()).toEqual(
        population(round)
          .map((id) => wanted(id, round))
          .sort(),
      );
      expect(activation.org.state().violations.latest).toEqual([]);
      expect((await bench.plan(activation)).changes).toBe(0);
    }
  } finally {
    await bench.close();
  }
}

describe('killed at any moment, run again', () => {
  it.each(['collections', 'bulk'])('objects end equal to the segment (%s)', async (api) => {
    const held = (org: ReturnType<Orgs['make']>) =>
      (org.state().objects[0]?.records ?? []).map(({ fields }) => `${fields['Customer_Id__c']} ${fields['LastName']}`);
    await killed('objects', { api, bulk_from: 0 }, held, (id, round) => `c-${id} ${nameOf(id, round)}`);
  });

  it('a campaign ends equal to the segment', async () => {
    const held = (org: ReturnType<Orgs['make']>) =>
      (org.state().audiences[0]?.members ?? []).map((member) => member['Customer_Id__c']?.[0] ?? '');
    await killed('audiences', {}, held, (id) => `c-${id}`);
  });
});
