import type { DestinationBlock } from '../artifacts/settings.ts';
import { nearest } from '../finding.ts';
import type { BuildContext } from './entity-draft.ts';
import { listed, meant } from './finding-doc.ts';
import type { ServiceFacts } from './service-facts.ts';
import type { Destination } from './store.ts';

/** A destination with what its service can do and the settings that its activations inherit. */
export interface DestinationDraft {
  readonly destination: Destination;
  readonly facts: ServiceFacts;
  readonly block: DestinationBlock;
}

/** The destinations of dinmo.yml whose platform and service exist. */
export function buildDestinations(context: BuildContext): ReadonlyMap<string, DestinationDraft> {
  const drafts = new Map<string, DestinationDraft>();
  for (const block of context.project.settings.destinations.values()) {
    const facts = context.services.facts(block.platform, block.service);
    if (facts === null) {
      reportUnknownService(context, block);
      continue;
    }
    const { name, platform, service, config, credentials, baseUrl, exclude, consent, origin } = block;
    const country = block.defaultCountry ?? context.project.settings.defaultCountry;
    const destination = {
      ...{ name, platform, service, config, credentials, baseUrl, exclude, consent, origin },
      ...(country === null ? {} : { defaultCountry: country }),
    };
    drafts.set(name, { destination, facts, block });
  }
  return drafts;
}

function reportUnknownService(context: BuildContext, block: DestinationBlock): void {
  const { platforms } = context.services;
  const at = (key: string) => block.origin.locate(['destinations', block.name, key]);
  if (!platforms.includes(block.platform)) {
    const near = nearest(block.platform, platforms);
    context.findings.add('unknown-platform', {
      message: `Destination \`${block.name}\` names the platform \`${block.platform}\`, which does not exist${meant(near)}`,
      fix: `Take one of ${listed(platforms)}.`,
      location: at('platform'),
    });
    return;
  }
  const services = context.services.services(block.platform);
  context.findings.add('unknown-service', {
    message: `Destination \`${block.name}\`: the platform \`${block.platform}\` has no service \`${block.service}\`.`,
    fix: `Take one of ${listed(services)}.`,
    location: at('service'),
  });
}
