import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  audienceNormaliser,
  eventNormaliser,
  normaliseEmail,
  normaliseFamilyName,
  normaliseGivenName,
} from '../../../src/destinations/google/normalise.ts';

// "Format user data", Data Manager API v1, and its own formatter of 2026-06 (dots and +suffix of gmail, titles, suffixes).
describe('what Google is sent', () => {
  it.each([
    ['  Ann.Lee@Example.COM ', 'ann.lee@example.com'],
    ['ann lee@example.com', 'annlee@example.com'],
    ['Cloudy.San.Francisco+shop@GMAIL.com', 'cloudysanfrancisco@gmail.com'],
    ['a.b.c+x+y@googlemail.com', 'abc@googlemail.com'],
    ['a.b+x@gmail.co.uk', 'a.b+x@gmail.co.uk'],
    ['josé@exämple.de', 'josé@exämple.de'],
    ['+@gmail.com', null],
    ['nobody', null],
  ])('e-mail %j', (raw, sent) => expect(normaliseEmail(raw)).toBe(sent));

  it.each([
    ['Mrs. Zoë', 'zoë'],
    ['  Mary  Jane ', 'mary jane'],
    ['Jean-Luc', 'jeanluc'],
    ['Dr Łucja', 'łucja'],
    ['Drew', 'drew'],
    ['太郎', '太郎'],
    ['...', null],
  ])('given name %j', (raw, sent) => expect(normaliseGivenName(raw)).toBe(sent));

  it.each([
    ["O'Brien", 'obrien'],
    ['Smith, Jr.', 'smith'],
    ['Davis III', 'davis'],
    ['Jones Ph.D.', 'jones'],
    ['Ivanov', 'ivanov'],
    ['Müller-Lüdenscheidt', 'müllerlüdenscheidt'],
  ])('family name %j', (raw, sent) => expect(normaliseFamilyName(raw)).toBe(sent));

  it('hashes persons, and leaves country, postal code and click ids in clear', () => {
    const of = audienceNormaliser.normalise;
    expect(of('phone', '+44 (0)20 7946 0958', {})).toBe(hash('sha256', '+442079460958'));
    expect(of('phone', '06 12 34 56 78', { country: 'France' })).toBe(hash('sha256', '+33612345678'));
    expect(of('phone', '06 12 34 56 78', {})).toBeNull();
    expect(of('country', 'gbr', {})).toBe('GB');
    expect(of('country', 'Atlantis', {})).toBeNull();
    expect(of('zip', ' m1 1ae', {})).toBe('M1 1AE');
    expect(of('zip', '94035-1234', {})).toBe('94035-1234');
    expect(of('email', hash('sha256', 'a@b.example'), {})).toBeNull();
    expect(of('mobile_advertising_id', '00000000-0000-0000-0000-000000000000', {})).toBeNull();
    expect(eventNormaliser.normalise('gclid', ' TeSter-123_ABCDEF ', {})).toBe('TeSter-123_ABCDEF');
    expect(eventNormaliser.normalise('gclid', 'not a click', {})).toBeNull();
  });
});
