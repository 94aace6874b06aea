import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Environment } from '../artifacts/environment.ts';
import { resolveCredential, resolveSetting, type SettingValue } from '../artifacts/settings.ts';
import type { Service, ServiceContext } from '../destinations/destination.ts';
import { requireServiceSettings } from '../destinations/settings.ts';
import { DinmoError } from '../errors.ts';
import { readsPhones } from '../knowledge/service-facts.ts';
import type { Destination } from '../knowledge/store.ts';
import type { Context } from './context.ts';

/** A destination as it is reached in this command: settings checked, secrets fetched, a sandbox in its place if asked. */
export interface Endpoint {
  readonly config: ServiceContext['config'];
  readonly credentials: ServiceContext['credentials'];
  readonly baseUrl: string | null;
  /** What may never change once synced: which account, which dataset, which host. Canonical JSON. */
  readonly core: string;
  /** What it shares its turn and its rate with: equal for destinations of one platform that go one after another. */
  readonly account: string;
  readonly isRehearsal: boolean;
}

/** Whether the values of secrets are needed: a plan sends nothing, and works where no secret is set. */
export type SecretUse = 'needed' | 'unused';

/** Registered as every credential is, so it must not be a word that turns up in what is printed. */
const REHEARSAL_CREDENTIAL = 'no-credential-needed-on-loopback';

/** Throws DinmoError `invalid-destination-settings` with everything that is wrong with the destination's settings. */
export function readEndpoint(
  context: Context,
  destination: Destination,
  { service, secrets }: { readonly service: Service; readonly secrets: SecretUse },
): Endpoint {
  const { options, project } = context;
  const { env } = project;
  const sandboxUrl = options.sandboxUrl ?? null;
  const written = Object.entries(destination.config).map(
    ([name, value]) => [name, rendered(value, { env, destination, at: ['config', name] })] as const,
  );
  const settings = requireServiceSettings({
    facts: service.facts,
    destination: { ...destination, config: Object.fromEntries(written) },
    resolve: (text, fact) => {
      try {
        return text.includes('{{') ? resolveCredential(text, env) : text;
      } catch (thrown) {
        // A rehearsal needs no account either: simulated platforms take any credential.
        if (sandboxUrl !== null) return fact.standIn?.() ?? REHEARSAL_CREDENTIAL;
        if (secrets === 'unused') return REHEARSAL_CREDENTIAL;
        throw thrown;
      }
    },
  });
  const { defaultCountry } = destination;
  const config: ServiceContext['config'] = {
    ...(sandboxUrl === null
      ? settings.config
      : sandboxConfig(settings.config, service, join(project.targetPath, 'dinmo_sandbox'))),
    ...(defaultCountry !== undefined && readsPhones(service.facts) ? { default_country: defaultCountry } : {}),
  };
  const baseUrl =
    sandboxUrl === null
      ? renderedUrl(destination, env)
      : `${sandboxUrl.replace(/\/$/, '')}/${destination.platform}/${destination.name}`;
  const core = coreOf(settings.config, service, baseUrl);
  const account = accountOf({ destination, service, config, baseUrl }) ?? core;
  return { config, credentials: settings.credentials, baseUrl, core, account, isRehearsal: sandboxUrl !== null };
}

function renderedUrl(destination: Destination, env: Environment): string | null {
  const { baseUrl } = destination;
  return baseUrl === null ? null : String(rendered(baseUrl, { env, destination, at: ['base_url'] }));
}

/** Throws what resolveSetting throws, with the setting and where it stands. */
function rendered(
  value: SettingValue,
  place: { readonly env: Environment; readonly destination: Destination; readonly at: readonly string[] },
): SettingValue {
  try {
    return resolveSetting(value, place.env);
  } catch (thrown) {
    if (!(thrown instanceof DinmoError)) throw thrown;
    const { destination, at } = place;
    const { kind, code, fix } = thrown;
    const message = `Destination ${destination.name}: ${at.join('.')}: ${thrown.message}`;
    const location = destination.origin.locate(['destinations', destination.name, ...at]);
    throw new DinmoError({ kind, code, message, location, ...(fix === null ? {} : { fix }) });
  }
}

/** Folders of a rehearsal stand under the target folder, whatever path the settings give. */
function sandboxConfig(config: ServiceContext['config'], service: Service, folder: string): ServiceContext['config'] {
  if (service.facts.api !== null || typeof config['path'] !== 'string') return config;
  // What is at another place (s3://bucket/prefix) has a folder of its kind: s3/bucket/prefix.
  const path = config['path'].replace(/^([a-z][a-z\d+.-]*):\/\//i, '$1/').replace(/:(\d+)(?=\/|$)/, '-$1');
  const inside = relative('/', isAbsolute(path) ? path : resolve('/', path));
  return { ...config, path: join(folder, inside) };
}

/** Credentials as they are written: a secret has no place in a name. Null where its core settings are all there is. */
function accountOf({
  destination,
  service,
  config,
  baseUrl,
}: Pick<Endpoint, 'config' | 'baseUrl'> & {
  readonly destination: Destination;
  readonly service: Service;
}): string | null {
  const { takesTurnsBy } = service.facts;
  if (takesTurnsBy === undefined) return null;
  const shared =
    takesTurnsBy.length > 0
      ? takesTurnsBy.map((name) => config[name] ?? null)
      : Object.entries(destination.credentials).sort();
  return JSON.stringify([baseUrl, ...shared]);
}

function coreOf(config: ServiceContext['config'], service: Service, baseUrl: string | null): string {
  const names = service.facts.config.filter((fact) => fact.core).map((fact) => fact.name);
  const core = Object.fromEntries(names.sort().map((name) => [name, config[name] ?? null]));
  return JSON.stringify({ ...core, host: baseUrl === null ? null : new URL(baseUrl).host });
}
