import { eventId } from '../../src/destinations/event-id.ts';
import { describeService, personOf } from './contract-suite.ts';
import { hubspotContract } from './hubspot/published.ts';
import { fieldsOf, identify, makeRow } from './rows.ts';

const TOKEN = { access_token: 's3cr3t-good-token-of-the-suite' };

describeService({
  platform: 'webhook',
  service: 'objects',
  config: { url: 'https://hooks.example/in?list=1', batch_size: 100 },
  credentials: { secret: 's3cr3t-webhook-secret-of-the-suite' },
  wrongCredentials: { secret: 's3cr3t-another-secret' },
  row: (_service, { seq, n, operation }) =>
    makeRow({ seq, operation, key: personOf(n).email, fieldsJson: fieldsOf({ name: personOf(n).name, n }) }),
  held: (state) => state.objects.flatMap((set) => set.records.map((record) => String(record.key))),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
  namesRows: true,
  without: ['empty'],
});

describeService({
  platform: 'meta',
  service: 'audiences',
  config: { ad_account_id: '1234567890' },
  credentials: TOKEN,
  wrongCredentials: { access_token: 'invalid' },
  identifierKinds: [
    { kind: 'email', rank: 1 },
    { kind: 'phone', rank: 1 },
    { kind: 'first_name', rank: 1 },
  ],
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('audiences match people');
    const { email, phone, name } = personOf(n);
    const raw = [
      ['email', email],
      ['phone', phone],
      ['first_name', name],
    ] as const;
    return makeRow({ seq, operation, identifiers: identify(service.normaliser, raw) });
  },
  held: (state) => state.audiences.flatMap((audience) => audience.members.map((member) => member['EMAIL']?.[0] ?? '')),
  heldAs: (service, n) => service.normaliser?.normalise('email', personOf(n).email, {}) ?? '',
  poisonOf: (service, n) => service.normaliser?.normalise('email', personOf(n).email, {}) ?? '',
  namesRows: false,
  without: ['empty'],
});

describeService({
  platform: 'meta',
  service: 'events',
  config: { dataset_id: '987654321', event_name: 'Lead', action_source: 'system_generated' },
  credentials: TOKEN,
  wrongCredentials: { access_token: 'invalid' },
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('events match people');
    const identifiers = identify(service.normaliser, [['email', personOf(n).email]]);
    const eventTime = new Date(Date.now() - n * 1000).toISOString();
    return makeRow({ seq, operation, key: `e${n}`, identifiers, eventTime, fieldsJson: fieldsOf({ value: '1.50' }) });
  },
  held: (state) => state.events.flatMap((set) => set.events.map((event) => String(event['event_id']))),
  heldAs: (_service, n) => eventId('vip.there', 'Lead', `e${n}`),
  poisonOf: (_service, n) => eventId('vip.there', 'Lead', `e${n}`),
  namesRows: false,
  without: ['empty'],
});

describeService({
  platform: 'hubspot',
  contract: hubspotContract,
  service: 'objects',
  config: { object_type: 'contacts', id_property: 'email', delete_existing: false },
  credentials: TOKEN,
  wrongCredentials: { access_token: 'invalid' },
  row: (_service, { seq, n, operation }) =>
    makeRow({ seq, operation, key: personOf(n).email, fieldsJson: fieldsOf({ firstname: personOf(n).name }) }),
  held: (state) => state.objects.flatMap((set) => set.records.map((record) => String(record.fields['email']))),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
  namesRows: true,
  without: ['html'],
});

describeService({
  platform: 'hubspot',
  contract: hubspotContract,
  service: 'audiences',
  config: {},
  credentials: TOKEN,
  wrongCredentials: { access_token: 'invalid' },
  identifierKinds: [{ kind: 'email', rank: 1 }],
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('audiences match people');
    return makeRow({ seq, operation, identifiers: identify(service.normaliser, [['email', personOf(n).email]]) });
  },
  held: (state) => state.audiences.flatMap((list) => list.members.map((member) => member['email']?.[0] ?? '')),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
  namesRows: true,
  without: ['html'],
});
