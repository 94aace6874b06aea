import { describe, expect, it } from 'vitest';
import type { BatchOutcome, Session } from '../../src/destinations/destination.ts';
import { hideRowValues } from '../../src/destinations/row-values.ts';
import { fieldsOf, makeBatch, makeRow } from './rows.ts';

const NAME = 'Zoë "Zed" Okonkwo';

async function said(message: string): Promise<string> {
  const answer: BatchOutcome = { kind: 'narrow', code: 'bad', message };
  const session: Session = {
    audienceId: null,
    account: null,
    send: async () => answer,
    finish: async () => {},
    abandon: async () => {},
  };
  const batch = makeBatch([makeRow({ seq: 1, key: 'K-1', fieldsJson: fieldsOf({ name: NAME, city: 'Zürich' }) })]);
  const outcome = await hideRowValues(session).send(batch, new AbortController().signal);
  return 'message' in outcome ? outcome.message : '';
}

describe('a value of a row', () => {
  it.each([
    [`${NAME} is bad`, '<value> is bad'],
    [`{"name":${JSON.stringify(NAME)}} is bad`, '{"name":"<value>"} is bad'],
    ['{"name":"Zo\\u00eb \\"Zed\\" Okonkwo","city":"Z\\u00FCrich"}', '{"name":"<value>","city":"<value>"}'],
    ['the name Zoë "Zed" Oko…', 'the name …'],
    ['the city Zür…', 'the city …'],
    ['the city Zü is short', 'the city Zü is short'],
    ['{"name":"Zo\\u00eb \\"Ze…', '{"name":"…'],
  ])('stays out of %s', async (message, wanted) => {
    expect(await said(message)).toBe(wanted);
  });
});
