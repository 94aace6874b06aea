import { describeService, personOf } from '../contract-suite.ts';
import { fieldsOf, identify, makeRow } from '../rows.ts';

const CASE = {
  platform: 'braze',
  credentials: { api_key: 's3cr3t-good-token-of-the-suite' },
  wrongCredentials: { api_key: 'invalid' },
  namesRows: true,
  without: [],
} as const;
const ENDPOINT = { rest_endpoint: 'rest.fra-01.braze.eu' };

describeService({
  ...CASE,
  service: 'objects',
  config: { ...ENDPOINT, id_field: 'email', update_existing_only: false, delete_existing: true },
  row: (_service, { seq, n, operation }) =>
    makeRow({ seq, operation, key: personOf(n).email, fieldsJson: fieldsOf({ first_name: personOf(n).name }) }),
  held: (state) => state.objects.flatMap((set) => set.records.map((record) => String(record.fields['email']))),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
});

describeService({
  ...CASE,
  service: 'audiences',
  config: { ...ENDPOINT, membership: 'attribute', id_field: 'email', update_existing_only: false },
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
  held: (state) => state.audiences.flatMap((one) => one.members.map((member) => member['email']?.[0] ?? '')),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
});

describeService({
  ...CASE,
  service: 'events',
  config: { ...ENDPOINT, send_as: 'events', event_name: 'ordered', id_field: 'email', update_existing_only: false },
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('events match people');
    const identifiers = identify(service.normaliser, [['email', personOf(n).email]]);
    const eventTime = new Date(Date.now() - n * 1000).toISOString();
    return makeRow({ seq, operation, key: `e${n}`, identifiers, eventTime, fieldsJson: fieldsOf({ order: n }) });
  },
  held: (state) => state.events.flatMap((set) => set.events.map((event) => String(event['email']))),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
});
