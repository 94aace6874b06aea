import { describeService, personOf } from '../contract-suite.ts';
import { fieldsOf, makeRow } from '../rows.ts';

const HOOK = 'https://hooks.slack.com/services/T0001/B0001/';

describeService({
  platform: 'slack',
  service: 'events',
  config: { messages: 'each', rows_max: 30 },
  credentials: { webhook_url: `${HOOK}goodtoken` },
  wrongCredentials: { webhook_url: `${HOOK}removed` },
  row: (_service, { seq, n, operation }) =>
    makeRow({
      seq,
      operation,
      key: `e${n}`,
      eventTime: new Date().toISOString(),
      fieldsJson: fieldsOf({ text: personOf(n).email }),
    }),
  held: (state) => state.events.flatMap((set) => set.events.map((event) => String(event['text']))),
  heldAs: (_service, n) => personOf(n).email,
  poisonOf: (_service, n) => personOf(n).email,
  namesRows: true,
  // A message that was posted, and whose answer was lost, is there twice once it is sent again: the engine does not.
  without: ['reset_after', 'timeout_after'],
});
