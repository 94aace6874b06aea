import type { BigqueryPlace } from './profile.ts';

/** What a role of our own has to reach. */
export interface GrantedPlaces {
  /** Datasets that segments read, by project: never written. */
  readonly read: readonly { readonly project: string; readonly dataset: string }[];
  /** Our own three, which may not exist yet. */
  readonly write: readonly { readonly project: string; readonly dataset: string }[];
}

/**
 * What an administrator runs so that an account can do what dinmo does and nothing else: jobs and sessions in the project that pays,
 * reading of the datasets behind the segments, writing in our own. `principal` is as IAM writes it: `serviceAccount:…`, `user:…`.
 * Roles: https://cloud.google.com/bigquery/docs/access-control (API v2). `bigquery.user` also lets it list datasets and make new ones
 * that it owns; nothing smaller lets a job have a session.
 */
export function bigqueryGrants(place: BigqueryPlace, principal: string, places: GrantedPlaces): readonly string[] {
  const name = ({ project, dataset }: { readonly project: string; readonly dataset: string }): string =>
    `\`${project}\`.\`${dataset}\``;
  const member = JSON.stringify(principal);
  const options = place.location === null ? '' : ` options (location = '${place.location}')`;
  return [
    `gcloud projects add-iam-policy-binding ${place.executionProject} --member=${principal} --role=roles/bigquery.user`,
    ...places.write.flatMap((written) => [
      `create schema if not exists ${name(written)}${options};`,
      `grant \`roles/bigquery.dataEditor\` on schema ${name(written)} to ${member};`,
    ]),
    ...places.read.map((read) => `grant \`roles/bigquery.dataViewer\` on schema ${name(read)} to ${member};`),
  ];
}
