import { z } from 'zod';
import {
  consentShape,
  type Encoding,
  type ItemProblem,
  readUserData,
  shapeProblem,
  userDataShape,
} from './member-rules.ts';

const deviceShape = z.strictObject({ userAgent: z.string().optional(), ipAddress: z.string().optional() });

/** `Event` of events:ingest (Data Manager API v1), as far as conversions of Google Ads go. */
const eventShape = z.strictObject({
  destinationReferences: z.array(z.string()).optional(),
  transactionId: z.string(),
  eventTimestamp: z.iso.datetime({ offset: true }),
  lastUpdatedTimestamp: z.iso.datetime({ offset: true }).optional(),
  userData: userDataShape.optional(),
  consent: consentShape.optional(),
  adIdentifiers: z
    .strictObject({
      ...{ gclid: z.string().optional(), gbraid: z.string().optional(), wbraid: z.string().optional() },
      sessionAttributes: z.string().optional(),
      landingPageDeviceInfo: deviceShape.optional(),
    })
    .optional(),
  currency: z.string().optional(),
  conversionValue: z.number().optional(),
  eventSource: z.enum(['WEB', 'APP', 'IN_STORE', 'PHONE', 'MESSAGE', 'OTHER']).optional(),
  eventDeviceInfo: deviceShape.optional(),
  customVariables: z.array(z.strictObject({ variable: z.string(), value: z.string() })).optional(),
  userProperties: z.strictObject({ customerType: z.enum(['NEW', 'RETURNING', 'REENGAGED']).optional() }).optional(),
});

export type IngestedEvent = z.infer<typeof eventShape>;

/** An event of a request, or what is wrong with it. */
export function readEvent(
  value: unknown,
  given: { readonly encoding: Encoding; readonly now: number },
): { readonly event: IngestedEvent } | { readonly problem: ItemProblem } {
  const parsed = eventShape.safeParse(value);
  if (!parsed.success) return { problem: shapeProblem(parsed.error) };
  const event = parsed.data;
  const wrong = (field: string, reason: string, message: string) => ({ problem: { field, reason, message } });
  if (event.transactionId === '') {
    return wrong('.transaction_id', 'REQUIRED_FIELD_MISSING', 'Required field is missing.');
  }
  if (Date.parse(event.eventTimestamp) > given.now + 300_000) {
    return wrong('.event_timestamp', 'EVENT_TIME_INVALID', 'The event time is not valid.');
  }
  const { gclid, gbraid, wbraid } = event.adIdentifiers ?? {};
  const clicks = [gclid, gbraid, wbraid].filter((id) => id !== undefined && id !== '');
  if (clicks.length === 0 && event.userData === undefined) {
    return wrong('', 'NO_IDENTIFIERS_PROVIDED', 'Events data contains no user identifiers or ad identifiers.');
  }
  if (event.currency !== undefined && !/^[A-Z]{3}$/.test(event.currency)) {
    return wrong('.currency', 'INVALID_CURRENCY_CODE', 'The currency code is not supported.');
  }
  if (event.userData === undefined) return { event };
  const read = readUserData(event.userData.userIdentifiers, given.encoding);
  return 'problem' in read ? read : { event };
}
