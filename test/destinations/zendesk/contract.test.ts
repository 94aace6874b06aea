import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { describeService, personOf, type ServiceCase } from '../contract-suite.ts';
import { fieldsOf, identify, makeRow } from '../rows.ts';

const ACCOUNT = { subdomain: 'shop', requests_per_minute: 180 };
const CREDENTIALS = { email: 'agent@shop.example', api_token: 's3cr3t-good-token-of-the-suite' };

function objects(config: ServiceContext['config'], key: (n: number) => string): ServiceCase {
  const field = String(config['id_field']);
  return {
    platform: 'zendesk',
    service: 'objects',
    config: { ...ACCOUNT, delete_existing: false, ...config },
    credentials: CREDENTIALS,
    wrongCredentials: { ...CREDENTIALS, api_token: 'invalid' },
    row: (_service, { seq, n, operation }) =>
      makeRow({ seq, operation, key: key(n), fieldsJson: fieldsOf({ name: personOf(n).name, [field]: key(n) }) }),
    held: (state) => state.objects.flatMap((set) => set.records.map((record) => String(record.fields[field]))),
    heldAs: (_service, n) => key(n),
    poisonOf: (_service, n) => key(n),
    namesRows: true,
    without: [],
    limits: { zendesk: { requestsMax: 100_000, windowMs: 60_000 } },
  };
}

describeService(objects({ object_type: 'users', id_field: 'email' }, (n) => personOf(n).email));
describeService(objects({ object_type: 'organizations', id_field: 'external_id' }, (n) => `c-${n}-of-the-suite`));

describeService({
  platform: 'zendesk',
  service: 'audiences',
  config: { ...ACCOUNT, create_users: true },
  credentials: { access_token: 's3cr3t-good-token-of-the-suite' },
  wrongCredentials: { access_token: 'invalid' },
  identifierKinds: [{ kind: 'email', rank: 1 }],
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('audiences match people');
    return makeRow({ seq, operation, identifiers: identify(service.normaliser, [['email', personOf(n).email]]) });
  },
  held: (state) => state.audiences.flatMap((tag) => tag.members.map((member) => member['email']?.[0] ?? '')),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
  namesRows: true,
  without: [],
  limits: { zendesk: { requestsMax: 100_000, windowMs: 60_000 } },
});
