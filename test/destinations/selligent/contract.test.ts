import { describeService, personOf } from '../contract-suite.ts';
import { fieldsOf, identify, makeRow } from '../rows.ts';

const PLACE = { host: 'shop.slgnt.eu', organization: 'Shop', list: 'CUSTOMERS', id_field: 'MAIL' };
const CASE = {
  platform: 'selligent',
  credentials: { api_key: 's3cr3t-key-1', api_secret: 's3cr3t-good-token-of-the-suite' },
  wrongCredentials: { api_key: 's3cr3t-key-1', api_secret: 'invalid' },
  namesRows: false,
  without: [],
  heldAs: (_service: unknown, n: number) => personOf(n).email,
  poisonOf: (_service: unknown, n: number) => personOf(n).email,
} as const;

describeService({
  ...CASE,
  service: 'objects',
  config: { ...PLACE, delete_existing: true },
  row: (_service, { seq, n, operation }) =>
    makeRow({ seq, operation, key: personOf(n).email, fieldsJson: fieldsOf({ NAME: personOf(n).name }) }),
  held: (state) => state.objects.flatMap((set) => set.records.map(({ fields }) => String(fields['MAIL']))),
});

describeService({
  ...CASE,
  service: 'audiences',
  config: { ...PLACE, match_by: 'email' },
  identifierKinds: [{ kind: 'email', rank: 1 }],
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('audiences match people');
    return makeRow({ seq, operation, identifiers: identify(service.normaliser, [['email', personOf(n).email]]) });
  },
  held: (state) => state.audiences.flatMap((one) => one.members.map((member) => member['MAIL']?.[0] ?? '')),
});
