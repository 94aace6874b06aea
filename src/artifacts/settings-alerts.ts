import { BlockReader, NAME } from './block-reader.ts';
import { hasJinja } from './jinja.ts';
import type { Path } from './position.ts';
import { parseCredential } from './settings-destination.ts';

/** Where an alert goes. */
export type AlertType = 'slack' | 'webhook';
/** What an alert tells: the state that an activation came into. */
export type AlertEvent = 'failed' | 'partial' | 'blocked' | 'recovered';

/** Somebody who is told when an activation changes its state. */
export interface AlertBlock {
  readonly name: string;
  readonly type: AlertType;
  /** As written, `{{ env_var('X') }}`: whoever knows the address can write there. */
  readonly url: string;
  /** webhook: signs each request; as written. */
  readonly secret: string | null;
  /** Default: all of them. */
  readonly on: readonly AlertEvent[];
}

/** `alerts:` of dinmo.yml. */
export interface AlertSettings {
  readonly alerts: ReadonlyMap<string, AlertBlock>;
  /** An address that each message ends with; `env_var(...)` still as written. */
  readonly link: string | null;
}

export const NO_ALERTS: AlertSettings = { alerts: new Map(), link: null };

/** Keys of one alert. */
export const ALERT_KEYS = ['type', 'url', 'on', 'secret'] as const;
export const ALERT_TYPES: readonly AlertType[] = ['slack', 'webhook'];
export const ALERT_EVENTS: readonly AlertEvent[] = ['failed', 'partial', 'blocked', 'recovered'];
/** Beside the names of alerts: what holds for all of them. */
export const ALERTS_LINK_KEY = 'link';

/** Reads `alerts:`: a map of name → alert, and a link. */
export function readAlerts(holder: BlockReader): AlertSettings {
  const alerts = new Map<string, AlertBlock>();
  let link: string | null = null;
  for (const [name, value, at] of holder.entries('alerts', 'alerts')) {
    if (name === ALERTS_LINK_KEY) link = readLink(holder, value, at);
    else if (!NAME.test(name)) {
      const fix = 'Names begin with a lower-case letter and have up to 40 lower-case letters, digits and underscores.';
      holder.problems.add('invalid-key', at, 'This is not a valid name of an alert.', fix);
    } else {
      const alert = readAlert(holder, name, { value, at });
      if (alert !== null) alerts.set(name, alert);
    }
  }
  return { alerts, link };
}

function readAlert(
  { problems }: BlockReader,
  name: string,
  { value, at }: { readonly value: unknown; readonly at: Path },
): AlertBlock | null {
  const reader = BlockReader.open(value, ALERT_KEYS, { at, problems, what: 'An alert' });
  if (reader === null) return null;
  const type = reader.requiredChoice('type', ALERT_TYPES, 'An alert');
  const url = reader.requiredText('url', 'An alert');
  const on = reader.choices('on', ALERT_EVENTS) ?? ALERT_EVENTS;
  const secret = reader.text('secret');
  const hides = (key: 'url' | 'secret', text: string | null): boolean => {
    if (text === null || parseCredential(text) !== null) return true;
    const fix = `Put it into an environment variable and write \`${key}: "{{ env_var('${name.toUpperCase()}_${key.toUpperCase()}') }}"\`.`;
    const message = `The \`${key}\` of an alert is a secret, and is written in clear text.`;
    problems.add('clear-text-credential', reader.path(key), message, fix);
    return false;
  };
  if (secret !== null && type === 'slack') {
    const message = 'Slack’s incoming webhooks take no signature: their address is the secret.';
    problems.add('invalid-value', reader.path('secret'), message, 'Remove `secret`.');
  }
  if (![hides('url', url), hides('secret', secret)].every(Boolean) || type === null || url === null) return null;
  return { name, type, url, secret, on };
}

function readLink({ problems }: BlockReader, value: unknown, at: Path): string | null {
  if (typeof value === 'string' && (hasJinja(value) || /^https?:$/.test(URL.parse(value)?.protocol ?? '')))
    return value;
  const fix = 'Write an address such as https://grafana.example.com/d/dinmo.';
  return problems.add('invalid-value', at, '`link` is not a web address.', fix);
}
