import { z } from 'zod';

/** Why an event cannot be taken: the platform's subcode, and text that names no value. */
export interface EventProblem {
  readonly subcode: number;
  readonly message: string;
  /** Set where a correct client would never send it, whatever its data. */
  readonly violation: string | null;
}

const DAY_SECONDS = 86_400;
/** Clocks differ a little. */
const FUTURE_SECONDS_MAX = 300;

const ACTION_SOURCES = [
  ...['website', 'app', 'phone_call', 'chat', 'email', 'physical_store', 'system_generated'],
  ...['business_messaging', 'other'],
] as const;
const HASHED = new Set(['em', 'ph', 'fn', 'ln', 'ge', 'db', 'ct', 'st', 'zp', 'country']);
/** Raw; `external_id` may be hashed. */
const RAW = new Set([
  ...['external_id', 'client_ip_address', 'client_user_agent', 'fbc', 'fbp', 'subscription_id', 'lead_id'],
  ...['fb_login_id', 'ctwa_clid', 'madid', 'anon_id', 'page_id', 'page_scoped_user_id'],
]);
const IDENTIFYING = [
  ...[
    'em',
    'ph',
    'external_id',
    'fbc',
    'fbp',
    'subscription_id',
    'lead_id',
    'fb_login_id',
    'ctwa_clid',
    'madid',
    'anon_id',
  ],
];
const LISTS = new Set(['em', 'ph', 'external_id', 'fn', 'ln', 'ge', 'db', 'ct', 'st', 'zp', 'country']);
const EVENT_KEYS = new Set([
  ...[
    'event_name',
    'event_time',
    'action_source',
    'event_id',
    'event_source_url',
    'user_data',
    'custom_data',
    'app_data',
  ],
  ...['data_processing_options', 'data_processing_options_country', 'data_processing_options_state', 'opt_out'],
  ...['original_event_data', 'referrer_url', 'advanced_measurement_table', 'messaging_channel'],
]);

const eventShape = z.looseObject({
  event_name: z.string().min(1).max(50),
  event_time: z.int(),
  action_source: z.enum(ACTION_SOURCES),
  event_id: z.string().min(1).optional(),
  event_source_url: z.string().optional(),
  user_data: z.record(z.string(), z.unknown()),
  custom_data: z.record(z.string(), z.unknown()).optional(),
});

export type ServerEvent = z.infer<typeof eventShape>;

/** One event of the Conversions API (v26.0), or what is wrong with it. */
export function readEvent(
  value: unknown,
  now: number,
): { readonly event: ServerEvent } | { readonly problem: EventProblem } {
  const parsed = eventShape.safeParse(value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') ?? 'data';
    return {
      problem: {
        subcode: 2804001,
        message: `the parameter ${field || 'data'} is missing or not valid`,
        violation: 'event-shape',
      },
    };
  }
  const event = parsed.data;
  const unknown = Object.keys(event).find((key) => !EVENT_KEYS.has(key));
  if (unknown !== undefined) {
    return {
      problem: { subcode: 2804001, message: `the event has an unknown parameter ${unknown}`, violation: 'event-key' },
    };
  }
  const problem = timeProblem(event, now) ?? userDataProblem(event.user_data) ?? contentProblem(event);
  return problem ? { problem } : { event };
}

function timeProblem(event: ServerEvent, now: number): EventProblem | null {
  const age = now / 1000 - event.event_time;
  const daysMax = event.action_source === 'physical_store' ? 62 : 7;
  if (age > daysMax * DAY_SECONDS) {
    return { subcode: 2804003, message: `event_time is more than ${daysMax} days ago`, violation: 'event-too-old' };
  }
  if (age < -FUTURE_SECONDS_MAX) {
    return { subcode: 2804004, message: 'event_time is in the future', violation: 'event-in-future' };
  }
  return null;
}

function userDataProblem(userData: Readonly<Record<string, unknown>>): EventProblem | null {
  for (const [key, value] of Object.entries(userData)) {
    if (!HASHED.has(key) && !RAW.has(key)) {
      return { subcode: 2804001, message: `user_data has an unknown parameter ${key}`, violation: 'user-data-key' };
    }
    const values: readonly unknown[] = Array.isArray(value) && LISTS.has(key) ? value : [value];
    const texts = values.filter((one) => typeof one === 'string' && one !== '');
    if (texts.length !== values.length || values.length === 0) {
      return {
        subcode: 2804007,
        message: `user_data.${key} has a value that is not text`,
        violation: 'user-data-value',
      };
    }
    if (HASHED.has(key) && !texts.every((text) => /^[0-9a-f]{64}$/.test(String(text)))) {
      return { subcode: 2804019, message: `user_data.${key} is not a SHA-256`, violation: 'not-hashed' };
    }
    if ((key === 'fbc' || key === 'fbp') && !/^fb\.\d\.\d{10,}\..+/.test(String(value))) {
      return { subcode: 2804016, message: `user_data.${key} does not begin with fb.`, violation: null };
    }
  }
  const identified =
    IDENTIFYING.some((key) => key in userData) ||
    ('client_ip_address' in userData && 'client_user_agent' in userData) ||
    ('fn' in userData && 'ln' in userData && ('zp' in userData || 'db' in userData));
  if (identified) return null;
  return { subcode: 2804050, message: 'user_data has too little to recognise anyone', violation: 'no-identifier' };
}

function contentProblem(event: ServerEvent): EventProblem | null {
  if (event.action_source === 'website') {
    if (!event.event_source_url) {
      return { subcode: 2804017, message: 'a website event needs event_source_url', violation: 'website-event' };
    }
    if (!('client_user_agent' in event.user_data)) {
      return {
        subcode: 2804017,
        message: 'a website event needs user_data.client_user_agent',
        violation: 'website-event',
      };
    }
  }
  if (event.event_name !== 'Purchase') return null;
  const { currency, value } = event.custom_data ?? {};
  if (typeof currency !== 'string' || !/^[A-Za-z]{3}$/.test(currency)) {
    return { subcode: 2804048, message: 'a Purchase needs custom_data.currency, three letters', violation: 'purchase' };
  }
  const amount = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof amount !== 'number' || !Number.isFinite(amount)) {
    return { subcode: 2804048, message: 'a Purchase needs custom_data.value, a number', violation: 'purchase' };
  }
  return null;
}
