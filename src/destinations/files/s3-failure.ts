import { DinmoError } from '../../errors.ts';
import { readObject, readText } from '../answer.ts';
import {
  accessDenied,
  clockSkew,
  credentialsRefused,
  placeMissing,
  type StoreFailure,
  settingsRefused,
  storeUnavailable,
  wrongRegion,
} from './store-failure.ts';

const CREDENTIALS =
  /^(InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|ExpiredTokenException|InvalidToken|TokenRefreshRequired|CredentialsProviderError|UnrecognizedClientException)$/;

/** What AWS's client threw, as an error of the destination. Codes: "Error responses" of the S3 API reference, 2006-03-01. */
export function s3Error(title: string, thrown: unknown): DinmoError {
  if (thrown instanceof DinmoError) return thrown;
  const name = thrown instanceof Error ? thrown.name : 'unknown';
  // Below its first line the client explains itself to who writes programs.
  const text = thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : '';
  const fields = readObject(thrown);
  const answer = readObject(fields?.['$response']);
  const headers = readObject(answer?.['headers']);
  const status = Number(readObject(fields?.['$metadata'])?.['httpStatusCode'] ?? answer?.['statusCode'] ?? Number.NaN);
  const failure: StoreFailure = { title, said: saidOf({ name, text, status }) };
  if (name === 'NoSuchBucket') return placeMissing(failure);
  // The bucket is there: an upload of several parts was completed or removed by somebody else.
  if (name === 'NoSuchUpload') return storeUnavailable(failure);
  if (name === 'RequestTimeTooSkewed' || name === 'RequestExpired') return clockSkew(failure);
  if (CREDENTIALS.test(name)) return credentialsRefused(failure);
  if (/Region is missing/i.test(text))
    return settingsRefused(title, 'no region is known', 'Set config.region to the region of the bucket.');
  const region = readText(headers?.['x-amz-bucket-region']) ?? readText(fields?.['Region']);
  const isRedirect = (status === 301 || status === 307) && region !== null;
  if (isRedirect || /^(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed)$/.test(name))
    return wrongRegion(failure, region);
  if (name === 'AccessDenied' || status === 403) return accessDenied(failure);
  if (status === 404) return placeMissing(failure);
  return storeUnavailable(failure);
}

/** The code and its text; where the answer was none of S3's, its status. */
function saidOf({
  name,
  text,
  status,
}: {
  readonly name: string;
  readonly text: string;
  readonly status: number;
}): string {
  const isForeign = /^(Unknown|UnknownError|Error|NotFound)$/.test(name) && (text === '' || text === 'UnknownError');
  if (isForeign && Number.isFinite(status))
    return `the answer was ${status}${status >= 300 && status < 400 ? ', a redirect, which is not followed' : ''}`;
  if (name === 'Error') return text;
  return text === '' || text === name ? name : `${name}: ${text}`;
}
