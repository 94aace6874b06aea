import { expect, it } from 'vitest';
import { bigqueryGrants } from '../../../src/warehouse/bigquery/grants.ts';
import type { BigqueryPlace } from '../../../src/warehouse/bigquery/profile.ts';

it('an administrator grants jobs where they are paid, reading of what is read, and writing of our own alone', () => {
  const place = { project: 'shop', executionProject: 'billing', location: 'EU' } as BigqueryPlace; // what is read of it
  const lines = bigqueryGrants(place, 'serviceAccount:dinmo@shop.iam.gserviceaccount.com', {
    read: [{ project: 'shop', dataset: 'analytics' }],
    write: [{ project: 'shop', dataset: 'DINMO_DELTA_STORAGE' }],
  });
  expect(lines).toEqual([
    'gcloud projects add-iam-policy-binding billing --member=serviceAccount:dinmo@shop.iam.gserviceaccount.com --role=roles/bigquery.user',
    "create schema if not exists `shop`.`DINMO_DELTA_STORAGE` options (location = 'EU');",
    'grant `roles/bigquery.dataEditor` on schema `shop`.`DINMO_DELTA_STORAGE` to "serviceAccount:dinmo@shop.iam.gserviceaccount.com";',
    'grant `roles/bigquery.dataViewer` on schema `shop`.`analytics` to "serviceAccount:dinmo@shop.iam.gserviceaccount.com";',
  ]);
});
