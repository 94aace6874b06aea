import { braze } from './braze/index.ts';
import { files } from './files/index.ts';
import { hubspot } from './hubspot/index.ts';
import { klaviyo } from './klaviyo/index.ts';
import { meta } from './meta/index.ts';
import type { SimulatedPlatform } from './platform.ts';
import { webhook } from './webhook/index.ts';

/** The simulated platforms by name: one folder of this room each. */
export const simulatedPlatforms: ReadonlyMap<string, SimulatedPlatform> = new Map(
  [braze, files, hubspot, klaviyo, meta, webhook].map((platform) => [platform.name, platform]),
);
