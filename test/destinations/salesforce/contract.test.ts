import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { describeService, personOf, type ServiceCase } from '../contract-suite.ts';
import { fieldsOf, identify, makeRow } from '../rows.ts';

const CREDENTIALS = { client_id: 'the-app', client_secret: 's3cr3t-good-token-of-the-suite' };
const ORG = { instance_url: 'https://acme.my.salesforce.com', api_percent_max: 95 };

function objects(config: ServiceContext['config']): ServiceCase {
  return {
    platform: 'salesforce',
    service: 'objects',
    config: {
      ...ORG,
      ...{
        object: 'Contact',
        external_id_field: 'Customer_Id__c',
        write: 'upsert',
        bulk_from: 2000,
        delete_existing: false,
      },
      ...config,
    },
    credentials: CREDENTIALS,
    wrongCredentials: { ...CREDENTIALS, client_secret: 'invalid' },
    row: (_service, { seq, n, operation }) => {
      const { name, email } = personOf(n);
      return makeRow({ seq, operation, key: `C-${n}`, fieldsJson: fieldsOf({ LastName: name, Email: email }) });
    },
    held: (state) =>
      state.objects.flatMap((set) => set.records.map((record) => String(record.fields['Customer_Id__c']))),
    heldAs: (_service, n) => `C-${n}`,
    poisonOf: (_service, n) => `C-${n}`,
    namesRows: true,
    without: [],
  };
}

describeService(objects({ api: 'collections' }));
describeService(objects({ api: 'bulk' }));

describeService({
  platform: 'salesforce',
  service: 'audiences',
  config: { ...ORG, member_object: 'Contact', member_field: 'Customer_Id__c' },
  credentials: CREDENTIALS,
  wrongCredentials: { ...CREDENTIALS, client_secret: 'invalid' },
  identifierKinds: [{ kind: 'external_id', rank: 1 }],
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('audiences match people');
    return makeRow({ seq, operation, identifiers: identify(service.normaliser, [['external_id', `C-${n}`]]) });
  },
  held: (state) =>
    state.audiences.flatMap((campaign) => campaign.members.map((one) => one['Customer_Id__c']?.[0] ?? '')),
  heldAs: (_service, n) => `C-${n}`,
  poisonOf: (_service, n) => `C-${n}`,
  namesRows: true,
  without: [],
  setup: {
    salesforce: {
      records: {
        Contact: Array.from({ length: 200 }, (_, index) => {
          const { name, email } = personOf(index + 1);
          return { LastName: name, Email: email, Customer_Id__c: `C-${index + 1}` };
        }),
      },
    },
  },
});
