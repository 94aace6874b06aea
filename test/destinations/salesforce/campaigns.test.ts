import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { identify, makeRow } from '../rows.ts';
import { MEMBERS, Orgs, send, verdicts } from './org-bench.ts';

let orgs: Orgs;
beforeAll(async () => {
  orgs = await Orgs.start();
});
afterAll(() => orgs.close());

const { normaliser } = await findService('salesforce', 'audiences');
if (normaliser === null) throw new Error('audiences match people');

const member = (seq: number, id: string, part: object = {}) =>
  makeRow({ seq, identifiers: identify(normaliser, [['external_id', id]]), ...part });
const contact = (id: string, more: object = {}) => ({ LastName: 'Lee', Customer_Id__c: id, ...more });
const CONTACTS = { Contact: [contact('C-1'), contact('C-2'), contact("C'3")] };

describe('a campaign', () => {
  it('is found by its exact name, or made, once', async () => {
    const org = orgs.make({ records: { Campaign: [{ Name: 'vip' }] } });
    const first = await org.open({}, 'audiences');
    const second = await org.open({}, 'audiences');
    expect(second.audienceId).toBe(first.audienceId);
    expect(org.state().audiences.map(({ name }) => name)).toEqual(['vip', 'VIP']);
  });

  it('can be named by its id, and is known by the recorded one when its name changes', async () => {
    const org = orgs.make({ records: { Campaign: [{ Name: 'Spring' }] } });
    const made = await org.open({ audienceName: 'Spring' }, 'audiences');
    const id = made.audienceId ?? '';
    expect((await org.open({ audienceName: id }, 'audiences')).audienceId).toBe(id);
    await org.open({ audienceName: 'Summer', audienceId: id, audienceNameBefore: 'Spring' }, 'audiences');
    expect(org.state().audiences).toMatchObject([{ id, name: 'Summer' }]);
    const other = {
      audienceName: 'Autumn',
      audienceId: id,
      audienceNameBefore: 'Summer',
      accountBefore: '00D-another',
    };
    await org.open(other, 'audiences');
    expect(org.state().audiences).toMatchObject([{ name: 'Summer' }]);
    const missing = org.open({ audienceName: '701000000000ZZZAAA' }, 'audiences');
    await expect(missing).rejects.toMatchObject({ code: 'campaign-missing' });
  });

  it('is deleted when nobody is left in it, and stays where others have put somebody', async () => {
    const org = orgs.make({ records: { Contact: CONTACTS.Contact } });
    const session = await org.open({}, 'audiences');
    const id = session.audienceId ?? '';
    await send(session, [member(1, 'C-1')]);
    const remove = () => org.deleteAudience(id);
    await expect(remove()).rejects.toMatchObject({ code: 'campaign-not-empty' });
    expect(org.state().audiences).toHaveLength(1);
    await send(session, [member(1, 'C-1', { operation: 'delete' })]);
    await remove();
    await remove();
    expect(org.state().audiences).toEqual([]);
  });

  it('of a name that several have is not guessed', async () => {
    const org = orgs.make({ records: { Campaign: [{ Name: 'VIP' }, { Name: 'VIP' }] } });
    await expect(org.open({}, 'audiences')).rejects.toMatchObject({ code: 'campaign-ambiguous' });
  });
});

describe('members', () => {
  it('are people who are there, found by their field; nobody is made', async () => {
    const org = orgs.make({ records: { Contact: [...CONTACTS.Contact, contact('c-TWO'), contact('C-two')] } });
    const session = await org.open({ config: { ...MEMBERS, member_status: 'Sent' } }, 'audiences');
    const rows = [member(1, 'C-1'), member(2, "c'3"), member(3, 'C-9'), member(4, 'C-TWO')];
    const outcome = await send(session, rows);
    expect(verdicts(outcome)).toEqual([
      'accepted',
      'accepted',
      'rejected member-not-found',
      'rejected member-ambiguous',
    ]);
    // Who is in already is in.
    expect(verdicts(await send(session, [member(1, 'C-1')]))).toEqual(['accepted']);
    expect(org.state()).toMatchObject({ audiences: [{ size: 2, added: 2 }], violations: { count: 0 } });
    expect(org.state().objects).toMatchObject([{ type: 'Contact', size: 5, created: 5, updated: 0 }]);
  });

  it('are looked up anew when the recorded contact is gone, and leave by contact, in this campaign only', async () => {
    const org = orgs.make({ records: CONTACTS });
    const session = await org.open({}, 'audiences');
    const elsewhere = await org.open({ audienceName: 'Others' }, 'audiences');
    const gone = { ...member(1, 'C-1') };
    const stale = { ...gone, identifiers: gone.identifiers.map((one) => ({ ...one, recordId: '003000000000ZZZAAA' })) };
    expect(verdicts(await send(session, [stale, member(2, 'C-2')]))).toEqual(['accepted', 'accepted']);
    await send(elsewhere, [member(1, 'C-1')]);
    const leavers = [member(3, 'C-1'), member(4, 'C-9')].map((one) => ({ ...one, operation: 'delete' as const }));
    expect(verdicts(await send(session, leavers))).toEqual(['accepted', 'accepted']);
    expect(verdicts(await send(session, leavers))).toEqual(['accepted', 'accepted']);
    const sizes = org.state().audiences.map(({ name, size, removed }) => [name, size, removed]);
    expect(sizes).toEqual([
      ['VIP', 1, 1],
      ['Others', 1, 0],
    ]);
    expect(org.state().objects).toMatchObject([{ size: 3, deleted: 0 }]);
  });

  it('may be leads, but not converted ones', async () => {
    const lead = (Email: string, IsConverted: string) => ({ LastName: 'Lee', Company: 'x', Email, IsConverted });
    const org = orgs.make({ records: { Lead: [lead('ann@shop.example', 'false'), lead('bo@shop.example', 'true')] } });
    const config: ServiceContext['config'] = { ...MEMBERS, member_object: 'Lead', member_field: 'Email' };
    const session = await org.open({ config }, 'audiences');
    const rows = ['Ann@Shop.example ', 'bo@shop.example'].map((email, index) =>
      makeRow({ seq: index + 1, identifiers: identify(normaliser, [['email', email]]) }),
    );
    expect(verdicts(await send(session, rows))).toEqual(['accepted', 'rejected member-not-found']);
  });
});
