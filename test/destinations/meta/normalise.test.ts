import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readEmail, readPhone } from '../../../src/destinations/contact-point.ts';
import { readCountry } from '../../../src/destinations/country.ts';
import {
  audienceNormaliser,
  eventNormaliser,
  normaliseCity,
  normaliseGender,
  normaliseMobileAdvertisingId,
  normaliseName,
  normaliseState,
  normaliseZip,
  readBirthDate,
} from '../../../src/destinations/meta/normalise.ts';

const sha = (text: string): string => hash('sha256', text);

// Changing an expectation here changes what is sent: raise META_RULES_VERSION with it.
describe('Meta’s rules', () => {
  it.each([
    [' Jane.DOE@Example.com ', 'jane.doe@example.com'],
    ['a+tag@sub.example.co.uk', 'a+tag@sub.example.co.uk'],
    ['two@@example.com', null],
    ['a..b@example.com', null],
    ['no-at.example.com', null],
    ['a@localhost', null],
    ['', null],
  ])('e-mail %j', (value, expected) => expect(readEmail(value)).toBe(expected));

  it.each([
    ['+44 (0)20 7946 0958', undefined, '+442079460958'],
    ['0033 6 12 34 56 78', undefined, '+33612345678'],
    ['06.12.34.56.78', 'FR', '+33612345678'],
    ['06 12 34 56 78', 'France', '+33612345678'],
    ['33612345678', 'fra', '+33612345678'],
    ['(202) 555-0123', 'US', '+12025550123'],
    ['0612345678', undefined, null],
    ['0612345678', 'Nowhere', null],
    ['12', 'FR', null],
    ['not a number', 'FR', null],
  ])('phone %j in %j', (value, country, expected) => expect(readPhone(value, country)).toBe(expected));

  it.each([
    ['Mary Jane', 'maryjane'],
    ["O'Brien", 'obrien'],
    ['Mary-Jane', 'maryjane'],
    ['Zoë', 'zoë'],
    ['Zoe\u0308', 'zoë'],
    ['李', '李'],
    [' . ', null],
  ])('name %j', (value, expected) => expect(normaliseName(value)).toBe(expected));

  it.each([
    [normaliseCity, 'São Paulo', 'sopaulo'],
    [normaliseCity, '東京', null],
    [normaliseState, 'California', 'ca'],
    [normaliseState, 'New York', 'ny'],
    [normaliseState, 'Île-de-France', 'le'],
    [normaliseZip, '94035-1234', '94035'],
    [normaliseZip, ' M1 1AE ', 'm1 1ae'],
    [normaliseGender, 'Female', 'f'],
    [normaliseGender, 'M.', 'm'],
    [normaliseGender, 'unknown', null],
    [normaliseMobileAdvertisingId, '6F9619FF-8B86-D011-B42D-00C04FC964FF', '6f9619ff-8b86-d011-b42d-00c04fc964ff'],
    [normaliseMobileAdvertisingId, '00000000-0000-0000-0000-000000000000', null],
    [normaliseMobileAdvertisingId, 'abc', null],
  ])('%o of %j', (rule, value, expected) => expect(rule(value)).toBe(expected));

  it.each([
    ['fr', 'FR'],
    ['FRA', 'FR'],
    ['United Kingdom', 'GB'],
    ['uk', 'GB'],
    ['Atlantis', null],
  ])('country %j', (value, expected) => expect(readCountry(value)).toBe(expected));

  it.each([
    ['1990-05-01', ['1990', '05', '01']],
    ['19900501', ['1990', '05', '01']],
    ['1990-05-01T00:00:00Z', ['1990', '05', '01']],
    ['1990-02-30', null],
    ['01/05/1990', null],
    ['1090-05-01', null],
  ])('date of birth %j', (value, expected) => expect(readBirthDate(value)).toEqual(expected));

  it('hashes what it normalised, and never takes a value for a hash', () => {
    expect(audienceNormaliser.normalise('email', ' A@Shop.example', {})).toBe(sha('a@shop.example'));
    expect(audienceNormaliser.normalise('phone', '06 12 34 56 78', { country: 'FR' })).toBe(sha('33612345678'));
    expect(audienceNormaliser.normalise('email', sha('a@shop.example'), {})).toBeNull();
    expect(audienceNormaliser.normalise('city', sha('paris'), {})).toBeNull();
    expect(eventNormaliser.normalise('external_id', sha('c-1'), {})).toBe(sha(sha('c-1')));
    expect(audienceNormaliser.normalise('email', hash('md5', 'a@shop.example'), {})).toBeNull();
  });

  it('sends external ids in clear to audiences, hashed to events; birth dates in three parts, or one', () => {
    expect(audienceNormaliser.normalise('external_id', ' c-1 ', {})).toBe('c-1');
    expect(eventNormaliser.normalise('external_id', ' c-1 ', {})).toBe(sha('c-1'));
    expect(audienceNormaliser.normalise('date_of_birth', '1990-05-01', {})).toBe(
      [sha('1990'), sha('05'), sha('01')].join('.'),
    );
    expect(eventNormaliser.normalise('date_of_birth', '1990-05-01', {})).toBe(sha('19900501'));
    expect(eventNormaliser.normalise('fbp', 'fb.1.1558571054389.1098115397', {})).toBe('fb.1.1558571054389.1098115397');
    expect(eventNormaliser.normalise('fbp', '1098115397', {})).toBeNull();
    expect(eventNormaliser.normalise('ip', '999.1.1.1', {})).toBeNull();
  });
});
