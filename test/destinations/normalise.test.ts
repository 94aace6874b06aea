import fc from 'fast-check';
import { getCountries } from 'libphonenumber-js';
import { describe, expect, it } from 'vitest';
import type { IdentifierKind } from '../../src/artifacts/annotation.ts';
import { COUNTRY_CODES } from '../../src/artifacts/country-code.ts';
import type { Service } from '../../src/destinations/destination.ts';
import { loadPlatform, serviceLookup } from '../../src/destinations/registry.ts';
import type { RawRow } from '../../src/diff/job.ts';
import { createPreparer } from '../../src/pipeline/preparer.ts';
import { HASH_OF_AN_ADDRESS, SHA256, VECTORS, type Vector } from './normalise-vectors.ts';

const clock = { now: () => 0, sleep: async () => {} };
const platforms = await Promise.all(serviceLookup().platforms.map(loadPlatform));
const services = platforms.flatMap(({ services: some }) => some).filter(({ normaliser }) => normaliser !== null);
const named = services.map((service) => [`${service.facts.platform} ${service.facts.service}`, service] as const);

type Given = Partial<RawRow['identifiers'][number]> & { readonly kind: IdentifierKind; readonly value: string };

/** What is sent for one row; null where nothing is valid that people are matched by. */
function sent(service: Service, given: readonly Given[], config = {}): readonly string[] | null {
  const matching = ({ kind }: Given): boolean => service.facts.identifiers?.matching.includes(kind) === true;
  const identifiers = given.map((one) => ({ rank: 1, matching: matching(one), ...one }));
  const preparer = createPreparer({ ...service, validate: null }, config, clock);
  const row = preparer?.prepare({ key: '1', identifiers, fieldsJson: null, eventTime: null });
  return row?.kind === 'ready' ? row.identifiers.map(({ kind, value }) => `${kind} ${value}`) : null;
}

function kindsOf({ facts }: Service): readonly IdentifierKind[] {
  return [...(facts.identifiers?.matching ?? []), ...(facts.identifiers?.hints ?? [])];
}

/** Somebody whom every service finds, so that hints are sent as well. */
function companion({ facts }: Service, kind: IdentifierKind): Given {
  const other = facts.identifiers?.matching.find((one) => one !== kind && (one === 'email' || one === 'phone'));
  return other === 'phone' ? { kind: other, value: '+33639981234' } : { kind: 'email', value: 'a@shop.example' };
}

/** What of a vector this service is to be sent; undefined where the vector does not say. */
function expected({ facts, normaliser }: Service, vector: Vector): string | null | undefined {
  const { kind } = vector;
  if (normaliser === null || !kindsOf({ facts } as Service).includes(kind)) return undefined;
  if (facts.platform !== 'meta' && facts.platform !== 'google') return vector.clear;
  const normal = facts.platform === 'meta' ? vector.meta : vector.google;
  if (normal === null || normal === undefined) return normal;
  if (facts.platform === 'google' && (kind === 'zip' || kind === 'country')) return normal;
  if (kind !== 'date_of_birth') return SHA256[normal];
  const parts = normal.split(' ');
  return facts.service === 'events' ? SHA256[parts.join('')] : parts.map((part) => SHA256[part]).join('.');
}

describe.each(named)('%s', (_name, service) => {
  it('is sent every value as the vendor wants it', () => {
    const wrong = VECTORS.flatMap((vector) => {
      const wanted = expected(service, vector);
      if (wanted === undefined) return [];
      const hints = vector.country === undefined ? {} : { country: vector.country };
      const got = service.normaliser?.normalise(vector.kind, vector.raw, hints) ?? null;
      return got === wanted ? [] : [{ ...vector, wanted, got }];
    });
    expect(wrong).toEqual([]);
  });

  it('passes on what a column says to be hashed, where it takes the kind so, and nothing else', () => {
    for (const kind of kindsOf(service)) {
      const takes = service.facts.identifiers?.hashed?.includes(kind) ?? false;
      const own = { kind, value: ` ${HASH_OF_AN_ADDRESS.toUpperCase()}`, form: 'sha256' as const };
      const beside = companion(service, kind);
      const alone = sent(service, [beside]) ?? [];
      expect(sent(service, [beside, own]) ?? [], kind).toEqual(
        takes ? [...alone, `${kind} ${HASH_OF_AN_ADDRESS}`] : alone,
      );
      for (const value of ['', 'a@shop.example', HASH_OF_AN_ADDRESS.slice(1), `${HASH_OF_AN_ADDRESS}0`])
        expect(sent(service, [beside, { ...own, value }]) ?? [], `${kind} ${value}`).toEqual(alone);
    }
  });

  it('never throws, and gives a removal what it gave the add, whatever the text', () => {
    const { normaliser } = service;
    if (normaliser === null) return;
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 40 }));
    const hint = fc.option(fc.oneof(fc.constantFrom('FR', 'us', 'Atlantis', ''), text), { nil: undefined });
    const property = fc.property(fc.constantFrom(...kindsOf(service)), text, hint, (kind, value, country) => {
      const hints = country === undefined ? {} : { country };
      const add = normaliser.normalise(kind, value, hints);
      expect(normaliser.normalise(kind, value, hints)).toBe(add);
      if (add === null) return;
      expect(add).not.toBe('');
      // What is kept in clear is normal already; what is hashed would not be taken for a value.
      const hashes = service.facts.identifiers?.hashed?.includes(kind) ?? false;
      if (hashes && kind !== 'external_id') expect(normaliser.normalise(kind, add, hints)).toBeNull();
      else if (!hashes && kind !== 'date_of_birth') expect(normaliser.normalise(kind, add, hints)).toBe(add);
    });
    fc.assert(property, { numRuns: 300 });
  });
});

describe('the country of a national phone number', () => {
  const phone = { kind: 'phone', value: '06 39 98 12 34' } as const;
  const reading = named.filter(([, { facts }]) => facts.identifiers?.matching.includes('phone'));

  it.each(reading)('%s: the row’s own, else that of the destination, and never another', (_name, service) => {
    const french = sent(service, [{ kind: 'phone', value: '+33 6 39 98 12 34' }]);
    const config = { default_country: 'FR' };
    expect(french).toHaveLength(1);
    expect(sent(service, [phone])).toBeNull();
    expect(sent(service, [phone], config)).toEqual(french);
    expect(sent(service, [phone, { kind: 'country', value: ' ' }], config)).toEqual(french);
    // Read, and not sent: the activation does not list it.
    expect(sent(service, [phone, { kind: 'country', value: 'FR', hintOnly: true }])).toEqual(french);
    const italian = sent(service, [phone, { kind: 'country', value: 'IT', hintOnly: true }], config);
    expect(italian).toEqual(sent(service, [{ kind: 'phone', value: '+39 06 39 98 12 34' }]));
    expect(sent(service, [phone, { kind: 'country', value: 'Atlantis', hintOnly: true }], config)).toBeNull();
    // A hash says nothing of a country.
    const hashedCountry = { kind: 'country', value: HASH_OF_AN_ADDRESS, form: 'sha256', hintOnly: true } as const;
    expect(sent(service, [phone, hashedCountry], config)).toEqual(french);
  });

  it('may be any that the phone library knows', () => {
    expect([...COUNTRY_CODES].sort()).toEqual([...getCountries()].sort());
  });
});
