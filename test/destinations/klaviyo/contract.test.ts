import { eventId } from '../../../src/destinations/event-id.ts';
import { describeService, personOf, type ServiceCase } from '../contract-suite.ts';
import { readContract } from '../published-contract.ts';
import { fieldsOf, identify, makeRow } from '../rows.ts';

const COMMON = {
  platform: 'klaviyo',
  credentials: { api_key: 's3cr3t-good-token-of-the-suite' },
  wrongCredentials: { api_key: 'invalid' },
  limits: { klaviyo: { requestsMax: 1_000_000, windowMs: 1_000 } },
  contract: readContract('klaviyo'),
} as const satisfies Partial<ServiceCase>;

describeService({
  ...COMMON,
  service: 'objects',
  config: { id_property: 'email', delete_existing: false },
  row: (_service, { seq, n, operation }) =>
    makeRow({
      seq,
      operation,
      key: personOf(n).email,
      fieldsJson: fieldsOf({ first_name: personOf(n).name, plan: 'a' }),
    }),
  held: (state) => state.objects.flatMap((set) => set.records.map((record) => String(record.fields['email']))),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
  namesRows: true,
  without: [],
});

describeService({
  ...COMMON,
  service: 'audiences',
  config: { match_by: 'email' },
  identifierKinds: [
    { kind: 'email', rank: 1 },
    { kind: 'phone', rank: 1 },
  ],
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('audiences match people');
    const { email, phone } = personOf(n);
    const raw = [
      ['email', email],
      ['phone', phone],
    ] as const;
    return makeRow({ seq, operation, identifiers: identify(service.normaliser, raw) });
  },
  held: (state) => state.audiences.flatMap((list) => list.members.map((member) => member['email']?.[0] ?? '')),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
  namesRows: true,
  without: [],
});

describeService({
  ...COMMON,
  service: 'events',
  config: { metric: 'Placed Order', backfill: false },
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('events match people');
    const identifiers = identify(service.normaliser, [['email', personOf(n).email]]);
    const eventTime = new Date(Date.now() - n * 1000).toISOString();
    return makeRow({ seq, operation, key: `e${n}`, identifiers, eventTime, fieldsJson: fieldsOf({ value: '1.50' }) });
  },
  held: (state) => state.events.flatMap((set) => set.events.map((event) => String(event['unique_id']))),
  heldAs: (_service, n) => eventId('vip.there', 'Placed Order', `e${n}`),
  poisonOf: (_service, n) => eventId('vip.there', 'Placed Order', `e${n}`),
  namesRows: false,
  without: ['empty'],
});
