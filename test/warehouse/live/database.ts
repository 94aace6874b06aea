import { type Account, dropSchemas, makeSchema, openAccount, testAccount } from '../account.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { placed } from '../placed-warehouse.ts';

/** Two schemas of somebody's account, which go when they are closed. */
export async function openTestDatabase(): Promise<OpenedWarehouse> {
  const account: Account = await testAccount('live');
  const schema = account.schema(['_delta']);
  const delta = `${schema}_delta`;
  await makeSchema(account, schema);
  const warehouse = await openAccount(account, schema);
  return {
    warehouse: placed(warehouse, { bare: schema, schemas: { DELTA: delta } }),
    schema,
    shared: true,
    close: async () => {
      await dropSchemas(warehouse, [schema, delta]).finally(() => warehouse.close());
    },
  };
}
