import { braze } from './braze/index.ts';
import { files } from './files/index.ts';
import { google } from './google/index.ts';
import { hubspot } from './hubspot/index.ts';
import { klaviyo } from './klaviyo/index.ts';
import { meta } from './meta/index.ts';
import type { SimulatedPlatform } from './platform.ts';
import { salesforce } from './salesforce/index.ts';
import { selligent } from './selligent/index.ts';
import { slack } from './slack/index.ts';
import { sql } from './sql/index.ts';
import { webhook } from './webhook/index.ts';
import { zendesk } from './zendesk/index.ts';

/** The simulated platforms by name: one folder of this room each. */
export const simulatedPlatforms: ReadonlyMap<string, SimulatedPlatform> = new Map(
  [braze, files, google, hubspot, klaviyo, meta, salesforce, selligent, slack, sql, webhook, zendesk].map(
    (platform) => [platform.name, platform],
  ),
);
