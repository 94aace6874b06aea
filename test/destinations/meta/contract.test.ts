import { describeService, personOf } from '../contract-suite.ts';
import { fieldsOf, makeRow } from '../rows.ts';

const idOf = (n: number): string => `sku-${n}`;

describeService({
  platform: 'meta',
  service: 'objects',
  config: { catalog_id: '4242', item_type: 'PRODUCT_ITEM', id_field: 'id', currency: 'EUR', delete_existing: true },
  credentials: { access_token: 's3cr3t-good-token-of-the-suite' },
  wrongCredentials: { access_token: 'invalid' },
  row: (_service, { seq, n, operation }) =>
    makeRow({
      ...{ seq, operation, key: idOf(n) },
      fieldsJson: fieldsOf({
        ...{ id: idOf(n), title: `Portrait of ${personOf(n).name}`, description: 'A portrait', price: '9.99' },
        ...{
          availability: 'in stock',
          condition: 'new',
          link: 'https://shop.example/p',
          image_link: 'https://shop.example/i',
        },
      }),
    }),
  held: (state) => state.objects.flatMap((set) => set.records.map((record) => record.id)),
  heldAs: (_service, n) => idOf(n),
  poisonOf: (_service, n) => idOf(n),
  namesRows: true,
  without: ['empty'],
});
