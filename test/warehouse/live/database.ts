import { type Account, dropSchemas, openAccount, testAccount } from '../account.ts';
import type { OpenedWarehouse } from '../opened-warehouse.ts';
import { placed } from '../placed-warehouse.ts';

/** Two schemas of somebody's account, which go when they are closed. */
export async function openTestDatabase(): Promise<OpenedWarehouse> {
  const account: Account = await testAccount('live');
  const schema = account.schema(['_delta']);
  const delta = `${schema}_delta`;
  const warehouse = await openAccount(account, schema);
  // Fails where there is one of that name.
  await warehouse.run(`create schema ${warehouse.state.identifier(schema)}`);
  return {
    warehouse: placed(warehouse, { bare: schema, schemas: { DELTA: delta } }),
    schema,
    shared: true,
    close: async () => {
      await dropSchemas(warehouse, [schema, delta]).finally(() => warehouse.close());
    },
  };
}
