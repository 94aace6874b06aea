import { expect, it } from 'vitest';
import { bigqueryGrants } from '../../../src/warehouse/bigquery/grants.ts';
import type { BigqueryPlace } from '../../../src/warehouse/bigquery/profile.ts';

it('an administrator grants jobs where they are paid, reading of what is read, and writing of our own alone', () => {
  const place = {
    project: 'shop',
    executionProject: 'billing',
    location: 'EU',
    auth: { kind: 'key', credentials: { client_email: 'dinmo@shop.iam.gserviceaccount.com' } },
    impersonate: null,
  } as unknown as BigqueryPlace; // what is read of it
  const lines = bigqueryGrants(place, {
    read: [{ database: 'raw', schema: 'analytics' }],
    write: [{ database: null, schema: 'DINMO_DELTA_STORAGE' }],
  });
  expect(lines.filter((line) => !line.startsWith('--'))).toEqual([
    'gcloud projects add-iam-policy-binding billing --member=serviceAccount:dinmo@shop.iam.gserviceaccount.com --role=roles/bigquery.user',
    'grant `roles/bigquery.dataViewer` on schema `raw`.`analytics` to "serviceAccount:dinmo@shop.iam.gserviceaccount.com";',
    "create schema if not exists `shop`.`DINMO_DELTA_STORAGE` options (location = 'EU');",
    'grant `roles/bigquery.dataEditor` on schema `shop`.`DINMO_DELTA_STORAGE` to "serviceAccount:dinmo@shop.iam.gserviceaccount.com";',
  ]);
});
