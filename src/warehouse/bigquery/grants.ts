import type { GrantedPlaces, SchemaName } from '../grants.ts';
import type { BigqueryPlace } from './profile.ts';
import { bigqueryState } from './state-dialect.ts';

/**
 * What an administrator runs so that an account can do what dinmo does and nothing else: jobs and sessions in the project that pays,
 * reading of the datasets behind the segments, writing in our own. Roles:
 * https://cloud.google.com/bigquery/docs/access-control (API v2). `bigquery.user` also lets it list datasets and make new ones that
 * it owns; no smaller role lets a job have a session.
 */
export function bigqueryGrants(place: BigqueryPlace, { read, write }: GrantedPlaces): readonly string[] {
  const member = memberOf(place);
  const name = ({ database, schema }: SchemaName): string =>
    bigqueryState.table({ database: null, schema: database ?? place.project, name: schema });
  const options = place.location === null ? '' : ` options (location = ${bigqueryState.text(place.location)})`;
  const to = JSON.stringify(member);
  return [
    '-- In a shell, as an administrator of the project that pays:',
    `gcloud projects add-iam-policy-binding ${place.executionProject} --member=${member} --role=roles/bigquery.user`,
    '-- In BigQuery, as an owner of the datasets:',
    ...read.map((schema) => `grant \`roles/bigquery.dataViewer\` on schema ${name(schema)} to ${to};`),
    ...write.flatMap((schema) => [
      `create schema if not exists ${name(schema)}${options};`,
      `grant \`roles/bigquery.dataEditor\` on schema ${name(schema)} to ${to};`,
    ]),
    // The generated sync_runs and sync_rejections are views over the ledger.
    '-- Where dbt builds with another account than dinmo, its models of the history of syncs read the ledger:',
    ...write.map(
      (schema) =>
        `-- grant \`roles/bigquery.dataViewer\` on schema ${name(schema)} to "serviceAccount:<the account of dbt>";`,
    ),
  ];
}

/** As IAM writes it. Whose the credentials of gcloud are, or a key file is, is not looked at here. */
function memberOf({ auth, impersonate }: BigqueryPlace): string {
  const email = impersonate ?? (auth.kind === 'key' ? String(auth.credentials['client_email']) : null);
  return email === null ? 'serviceAccount:<service account>' : `serviceAccount:${email}`;
}
