import type { Platform } from '../destination.ts';
import { createAudiences } from './audiences.ts';
import { selligentFacts } from './facts.ts';
import { createObjects } from './objects.ts';

/** Selligent (Marigold Engage): records of a list, and static segments of it. REST API v1. */
export const selligent: Platform = {
  name: 'selligent',
  title: 'Selligent',
  services: selligentFacts.map((facts) =>
    facts.service === 'audiences' ? createAudiences(facts) : createObjects(facts),
  ),
};
