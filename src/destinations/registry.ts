import type { ServiceKind } from '../artifacts/annotation.ts';
import { DinmoError } from '../errors.ts';
import { nearest } from '../finding.ts';
import type { ServiceFacts, ServiceLookup } from '../knowledge/service-facts.ts';
import { brazeFacts } from './braze/facts.ts';
import type { Platform, Service } from './destination.ts';
import { filesFacts } from './files/facts.ts';
import { googleFacts } from './google/facts.ts';
import { hubspotFacts } from './hubspot/facts.ts';
import { klaviyoFacts } from './klaviyo/facts.ts';
import { metaFacts } from './meta/facts.ts';
import { salesforceFacts } from './salesforce/facts.ts';
import { selligentFacts } from './selligent/facts.ts';
import { slackFacts } from './slack/facts.ts';
import { sqlFacts } from './sql/facts.ts';
import { webhookFacts } from './webhook/facts.ts';
import { zendeskFacts } from './zendesk/facts.ts';

interface Entry {
  /** Data only, so that checks and documentation load no platform. */
  readonly facts: readonly ServiceFacts[];
  load(): Promise<Platform>;
}

/** Every platform, one line each; a test compares the list with the folders. */
const PLATFORMS: Readonly<Record<string, Entry>> = {
  braze: { facts: brazeFacts, load: async () => (await import('./braze/index.ts')).braze },
  files: { facts: filesFacts, load: async () => (await import('./files/index.ts')).files },
  google: { facts: googleFacts, load: async () => (await import('./google/index.ts')).google },
  hubspot: { facts: hubspotFacts, load: async () => (await import('./hubspot/index.ts')).hubspot },
  klaviyo: { facts: klaviyoFacts, load: async () => (await import('./klaviyo/index.ts')).klaviyo },
  meta: { facts: metaFacts, load: async () => (await import('./meta/index.ts')).meta },
  salesforce: { facts: salesforceFacts, load: async () => (await import('./salesforce/index.ts')).salesforce },
  selligent: { facts: selligentFacts, load: async () => (await import('./selligent/index.ts')).selligent },
  slack: { facts: slackFacts, load: async () => (await import('./slack/index.ts')).slack },
  sql: { facts: sqlFacts, load: async () => (await import('./sql/index.ts')).sql },
  webhook: { facts: webhookFacts, load: async () => (await import('./webhook/index.ts')).webhook },
  zendesk: { facts: zendeskFacts, load: async () => (await import('./zendesk/index.ts')).zendesk },
};

/** What every service can do, without loading any platform's code. */
export function serviceLookup(): ServiceLookup {
  return {
    platforms: Object.keys(PLATFORMS),
    facts: (platform, service) => factsOf(platform).find((facts) => facts.service === service) ?? null,
    services: (platform) => factsOf(platform).map((facts) => facts.service),
  };
}

function factsOf(platform: string): readonly ServiceFacts[] {
  return Object.hasOwn(PLATFORMS, platform) ? (PLATFORMS[platform]?.facts ?? []) : [];
}

/** Loads a platform's code. Throws DinmoError `unknown-platform`. */
export async function loadPlatform(name: string): Promise<Platform> {
  const entry = Object.hasOwn(PLATFORMS, name) ? PLATFORMS[name] : undefined;
  if (entry !== undefined) return entry.load();
  const near = nearest(name, Object.keys(PLATFORMS));
  throw new DinmoError({
    kind: 'configuration',
    code: 'unknown-platform',
    message: `There is no platform ${name}`,
    fix: near === null ? `Known are: ${Object.keys(PLATFORMS).join(', ')}.` : `Did you mean ${near}?`,
  });
}

/** Loads a platform and picks one of its services. Throws DinmoError `unknown-platform`, `unknown-service`. */
export async function findService(platform: string, service: ServiceKind): Promise<Service> {
  const loaded = await loadPlatform(platform);
  const found = loaded.services.find((candidate) => candidate.facts.service === service);
  if (found !== undefined) return found;
  throw new DinmoError({
    kind: 'configuration',
    code: 'unknown-service',
    message: `${loaded.title} has no service ${service}`,
    fix: `It has: ${loaded.services.map((candidate) => candidate.facts.service).join(', ')}.`,
  });
}
