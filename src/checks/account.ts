import type { ServiceFacts } from '../knowledge/service-facts.ts';
import type { Destination } from '../knowledge/store.ts';

/**
 * Text that is equal for destinations of one platform with one account, as far as dinmo.yml tells: the settings that say
 * which account is meant; where there is none that must be stated, only the credentials know it, so that destinations
 * with the same credentials are one, and others may be.
 */
export function accountKey(destination: Destination, facts: ServiceFacts): string {
  const core = facts.config.filter((fact) => fact.core);
  const values = core.map((fact) => [fact.name, String(destination.config[fact.name] ?? fact.default ?? '')]);
  const credentials = core.some((fact) => fact.required) ? null : destination.credentials;
  return JSON.stringify([destination.platform, destination.service, hostOf(destination.baseUrl), values, credentials]);
}

function hostOf(baseUrl: string | null): string | null {
  return baseUrl !== null && URL.canParse(baseUrl) ? new URL(baseUrl).host : baseUrl;
}
