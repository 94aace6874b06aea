import { eventId } from '../../../src/destinations/event-id.ts';
import { describeService, personOf } from '../contract-suite.ts';
import { fieldsOf, identify, makeRow } from '../rows.ts';

const CREDENTIALS = {
  refresh_token: 's3cr3t-good-token-of-the-suite',
  client_id: 'client.apps.example',
  client_secret: 's3cr3t-client',
};
const ACCOUNT = {
  ...{ customer_id: '123-456-7890', account_type: 'GOOGLE_ADS', encoding: 'HEX', confirm: 'processed' },
  ...{ consent_ad_user_data: 'granted', consent_ad_personalization: 'granted' },
};

describeService({
  platform: 'google',
  service: 'audiences',
  config: { ...ACCOUNT, terms_accepted: true, list_type: 'contact', membership_days: 540, replace: 'delta' },
  credentials: CREDENTIALS,
  wrongCredentials: { ...CREDENTIALS, refresh_token: 'invalid' },
  identifierKinds: [{ kind: 'email', rank: 1 }],
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('audiences match people');
    return makeRow({ seq, operation, identifiers: identify(service.normaliser, [['email', personOf(n).email]]) });
  },
  held: (state) => state.audiences.flatMap((list) => list.members.map((member) => member['emailAddress']?.[0] ?? '')),
  heldAs: (service, n) => service.normaliser?.normalise('email', personOf(n).email, {}) ?? '',
  poisonOf: (service, n) => service.normaliser?.normalise('email', personOf(n).email, {}) ?? '',
  namesRows: true,
  without: [],
});

describeService({
  platform: 'google',
  service: 'events',
  config: { ...ACCOUNT, conversion_action_id: '987654321', kind: 'conversion', currency: 'EUR' },
  credentials: CREDENTIALS,
  wrongCredentials: { ...CREDENTIALS, refresh_token: 'forbidden' },
  row: (service, { seq, n, operation }) => {
    if (service.normaliser === null) throw new Error('events match people');
    const identifiers = identify(service.normaliser, [['email', personOf(n).email]]);
    const eventTime = new Date(Date.now() - n * 1000).toISOString();
    return makeRow({ seq, operation, key: `e${n}`, identifiers, eventTime, fieldsJson: fieldsOf({ value: '1.50' }) });
  },
  held: (state) => state.events.flatMap((set) => set.events.map((event) => String(event['transactionId']))),
  heldAs: (_service, n) => eventId('vip.there', '987654321', `e${n}`),
  poisonOf: (_service, n) => eventId('vip.there', '987654321', `e${n}`),
  namesRows: true,
  without: [],
});
