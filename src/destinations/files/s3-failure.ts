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
  const text = thrown instanceof Error ? thrown.message : '';
  const failure: StoreFailure = { title, said: text === '' || text === name ? name : `${name}: ${text}` };
  const fields = readObject(thrown);
  const answer = readObject(fields?.['$response']);
  const headers = readObject(answer?.['headers']);
  const status = Number(readObject(fields?.['$metadata'])?.['httpStatusCode'] ?? Number.NaN);
  if (name === 'NoSuchBucket') return placeMissing(failure);
  if (name === 'RequestTimeTooSkewed' || name === 'RequestExpired') return clockSkew(failure);
  if (CREDENTIALS.test(name)) return credentialsRefused(failure);
  if (/Region is missing/i.test(text))
    return settingsRefused(title, 'no region is known', 'Set config.region to the region of the bucket.');
  const region = readText(headers?.['x-amz-bucket-region']) ?? readText(fields?.['Region']);
  if (status === 301 || status === 307 || name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed')
    return wrongRegion(failure, region);
  if (name === 'AccessDenied' || status === 403) return accessDenied(failure);
  if (status === 404) return placeMissing(failure);
  return storeUnavailable(failure);
}
