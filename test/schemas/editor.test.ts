import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serviceLookup } from '../../src/destinations/registry.ts';
import { LanguageServer } from './language-server.ts';

const SCHEMAS = fileURLToPath(new URL('../../schemas', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../../example-dbt-project', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'dinmo-editor-'));
let server: LanguageServer;

beforeAll(async () => {
  server = await LanguageServer.start(root);
});
afterAll(() => {
  server.stop();
  rmSync(root, { recursive: true, force: true });
});

/** A file with the line that names its schema; `‸` marks a place. */
function file(name: string, schema: string, text: string) {
  const whole = `# yaml-language-server: $schema=${SCHEMAS}/${schema}.schema.json\n${text}`;
  const before = whole.split('‸', 1)[0]?.split('\n') ?? [];
  const place = { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
  return { path: join(root, name), text: whole.replace('‸', ''), place };
}

/** The YAML language server of VS Code and Neovim, without a network. */
describe('an editor', () => {
  test('validates, completes and explains dinmo.yml', async () => {
    const { path, text, place } = file(
      'dinmo.yml',
      'dinmo',
      `version: 1
tagets: [prod]
destinations:
  crm:
    platform: hubspt
    service: objects
  meta_customers:
    platform: meta
    service: audiences
    config: {ad_acount_id: "12"}
    credentials: {acces‸s_token: clear}
`,
    );
    expect([...(await server.open(path, text))].sort()).toEqual([
      '11: Missing property "ad_account_id".',
      '11: Property ad_acount_id is not allowed.',
      expect.stringContaining('12: A secret is not written here'),
      '3: Property tagets is not allowed.',
      expect.stringMatching(/^6: Value is not accepted\. Valid values: .*"hubspot"/),
    ]);
    expect(await server.hover(path, place)).toContain('From an environment variable');
    expect(await server.complete(path, { line: 5, character: 14 })).toEqual([...serviceLookup().platforms]);
  });

  test('validates, completes and explains a properties file of dbt', async () => {
    const { path, text, place } = file(
      'models/_customers.yml',
      'properties',
      `version: 2
models:
  - name: customers
    tags: [crm]
    config:
      enabled: "{{ target.name == 'prod' }}"
      materialized: my_own
      meta:
        owner: us
        dinmo:
          entity:
            na‸me: customer
            type: "{{ var('type') }}"
            clas: customers
            segments:
              vip:
                where:
                  all:
                    - {attribute: country, eqq: FR}
                    - {relation: orders, count: {gte: 3}, durng: {last: 3, unit: day}}
                    - attribute: age
                      
    columns:
      - name: email
        tests: [unique, not_null]
        config: {meta: {dinmo: {identifier: emial}}}
      - name: phone
        meta: {dinmo: {hidden: 3}}
`,
    );
    expect([...(await server.open(path, text))].sort()).toEqual([
      '15: Property clas is not allowed.',
      '20: Property eqq is not allowed.',
      '21: Property durng is not allowed.',
      expect.stringMatching(/^22: Object has fewer properties/),
      expect.stringMatching(/^27: Value is not accepted\. Valid values: "email", /),
      expect.stringMatching(/^29: Incorrect type/),
    ]);
    expect(await server.hover(path, place)).toContain('Name of the entity');
    const operators = await server.complete(path, { line: 22, character: 22 });
    expect(operators).toEqual(expect.arrayContaining(['eq', 'between', 'within']));
    expect(operators).not.toContain('attribute');
  });

  test('validates a file of dinmo/, in which nothing is rendered', async () => {
    const { path, text } = file(
      'dinmo/vip.yml',
      'segments',
      `segments:
  vip:
    entity: customer
    whre: {attribute: a, eq: 1}
    materialized: "{{ var('x') }}"
    holdout: {percent: 10}
`,
    );
    expect([...(await server.open(path, text))].sort()).toEqual([
      '5: Property whre is not allowed.',
      expect.stringMatching(/^6: Value is not accepted/),
      '7: Missing property "salt".',
    ]);
  });

  test('finds nothing wrong with the example', async () => {
    const files = readdirSync(EXAMPLE, { recursive: true, encoding: 'utf8' })
      .filter((path) => /^(?:dinmo\.yml|dinmo\/.*\.yml|(?:models|seeds)\/.*\.yml)$/.test(path))
      .filter((path) => !path.startsWith('models/dinmo/'));
    expect(files.length).toBeGreaterThan(3);
    for (const name of files) {
      const schema = name === 'dinmo.yml' ? 'dinmo' : name.startsWith('dinmo/') ? 'segments' : 'properties';
      const { path, text } = file(`example/${name}`, schema, readFileSync(join(EXAMPLE, name), 'utf8'));
      expect([name, ...(await server.open(path, text))]).toEqual([name]);
    }
  });
});
