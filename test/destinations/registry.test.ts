import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findService, loadPlatform, serviceLookup } from '../../src/destinations/registry.ts';

const folders = readdirSync(new URL('../../src/destinations', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

describe('the registry of platforms', () => {
  it('has every folder, and each folder says what it is', async () => {
    const lookup = serviceLookup();
    expect([...lookup.platforms].sort()).toEqual(folders);
    for (const name of folders) {
      const platform = await loadPlatform(name);
      expect(platform.name).toBe(name);
      expect(platform.services.map((service) => service.facts.service)).toEqual(lookup.services(name));
    }
  });

  it('states facts that hold together', () => {
    const lookup = serviceLookup();
    const all = lookup.platforms.flatMap((name) => lookup.services(name).map((service) => lookup.facts(name, service)));
    for (const facts of all) {
      if (facts === null) throw new Error('a service without facts');
      const label = `${facts.platform} ${facts.service}`;
      expect(facts.modes, label).toContain(facts.defaultMode);
      expect(facts.operations, label).toEqual(expect.arrayContaining([...facts.defaultOperations]));
      expect(facts.service === 'events' ? facts.modes.includes('delta') : false, label).toBe(false);
      // Credentials are never core: they may change.
      expect(
        facts.credentials.some((credential) => credential.core),
        label,
      ).toBe(false);
      const matching = new Set<string>(facts.identifiers?.matching ?? []);
      expect(facts.identifiers?.hints.some((hint) => matching.has(hint)) ?? false, label).toBe(false);
      if (facts.destinationKey !== null) {
        expect(
          facts.config.map((setting) => setting.name),
          label,
        ).toContain(facts.destinationKey.setting);
      }
    }
  });

  it('normalises every kind it takes, and no other', async () => {
    const samples: Readonly<Record<string, string>> = {
      email: 'a@shop.example',
      phone: '+33612345678',
      external_id: 'c-1',
      mobile_advertising_id: '6F9619FF-8B86-D011-B42D-00C04FC964FF',
      fbc: 'fb.1.1554763741205.AbCd',
      fbp: 'fb.1.1558571054389.1098115397',
      first_name: 'Ann',
      last_name: 'Lee',
      date_of_birth: '1990-05-01',
      gender: 'F',
      city: 'Lyon',
      state: 'Ohio',
      zip: '69001',
      country: 'FR',
      ip: '192.0.2.1',
      user_agent: 'Mozilla/5.0',
      gclid: 'Cj0KCQjw-_sandbox',
      gbraid: '0AAAAAo4mICH-sandbox',
      wbraid: 'CjgKCAjw-sandbox',
      user_id: 'u-1',
    };
    for (const name of serviceLookup().platforms) {
      for (const service of (await loadPlatform(name)).services) {
        const { identifiers } = service.facts;
        const taken = new Set<string>([...(identifiers?.matching ?? []), ...(identifiers?.hints ?? [])]);
        for (const kind of taken) {
          expect(service.normaliser?.normalise(kind as 'email', samples[kind] ?? '', {}), kind).toEqual(
            expect.any(String),
          );
        }
        expect(service.normaliser?.normalise('gclid', 'x', {}) ?? null).toBeNull();
      }
    }
  });

  it('names the nearest platform, and the services of a platform', async () => {
    await expect(loadPlatform('hubspt')).rejects.toMatchObject({
      code: 'unknown-platform',
      fix: 'Did you mean hubspot?',
    });
    await expect(loadPlatform('constructor')).rejects.toMatchObject({ code: 'unknown-platform' });
    await expect(findService('slack', 'objects')).rejects.toMatchObject({ code: 'unknown-service' });
    expect(serviceLookup().facts('slack', 'objects')).toBeNull();
  });
});
