import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ADAPTER_TYPES,
  readSettings,
  resolveCredential,
  resolveSetting,
  type Settings,
} from '../../src/artifacts/settings.ts';
import type { Finding } from '../../src/finding.ts';
import { mask } from '../../src/log.ts';
import { warehouseTypes } from '../../src/warehouse/registry.ts';
import { summary, tempFolder, writeFiles } from './raw-project.ts';

function read(text: string): { readonly settings: Settings; readonly findings: readonly Finding[] } {
  return readSettings(writeFiles(tempFolder(), { 'dinmo.yml': text }));
}

const DESTINATION = `
destinations:
  meta_customers:
    platform: meta
    service: audiences
    config: {ad_account_id: "1234567890", tries: 3, tags: [a, b]}
    credentials: {access_token: "{{ env_var('META_ACCESS_TOKEN') }}"}
    base_url: http://127.0.0.1:8900/meta
    defaults: {identifiers: [email, phone], attributes: [country], schedule: after_dbt, attempts: 5}
    exclude: [unsubscribed]
    guards: {max_delete_percent: 20.5, min_delete_rows: 100, allow_empty: false}
`;

describe('dinmo.yml', () => {
  it('is not needed', () => {
    const { settings, findings } = readSettings(tempFolder());
    expect(findings).toEqual([]);
    expect(settings).toMatchObject({
      file: null,
      timezone: 'UTC',
      targets: null,
      paths: ['dinmo'],
      gate: { maxAgeHours: 24, warnings: 'pass' },
    });
    expect(settings.schemas).toEqual({
      segments: 'DINMO_SEGMENTS',
      stats: 'DINMO_STATS',
      deltaStorage: 'DINMO_DELTA_STORAGE',
    });
  });

  it('is read whole', () => {
    const { settings, findings } = read(`
version: 1
timezone: Europe/Paris
targets: [prod]
owner: {name: Growth, email: growth@example.com}
schemas: {segments: SEGS}
models_path: ./models/dinmo/
paths: [dinmo, 'more\\segments']
gate: {max_age_hours: 0.5}
adapters: [duckdb, bigquery]${DESTINATION}`);
    expect(findings).toMatchObject([{ code: 'folder-missing' }]);
    expect(settings).toMatchObject({
      ...{
        file: 'dinmo.yml',
        timezone: 'Europe/Paris',
        targets: ['prod'],
        owner: { name: 'Growth', email: 'growth@example.com' },
      },
      ...{
        modelsPath: 'models/dinmo',
        paths: ['dinmo', 'more/segments'],
        gate: { maxAgeHours: 0.5, warnings: 'pass' },
        adapters: ['duckdb', 'bigquery'],
      },
    });
    expect(settings.schemas).toEqual({ segments: 'SEGS', stats: 'DINMO_STATS', deltaStorage: 'DINMO_DELTA_STORAGE' });
    expect(settings.destinations.get('meta_customers')).toMatchObject({
      ...{
        platform: 'meta',
        service: 'audiences',
        config: { ad_account_id: '1234567890', tries: 3, tags: ['a', 'b'] },
      },
      ...{ credentials: { access_token: "{{ env_var('META_ACCESS_TOKEN') }}" }, exclude: ['unsubscribed'] },
      ...{
        baseUrl: 'http://127.0.0.1:8900/meta',
        guards: { max_delete_percent: 20.5, min_delete_rows: 100, allow_empty: false },
      },
    });
    const place = settings.destinations
      .get('meta_customers')
      ?.origin.locate(['destinations', 'meta_customers', 'service']);
    expect(place).toEqual({ file: 'dinmo.yml', line: 14, column: 14 });
  });

  it('reports everything that is wrong, each at its place, and keeps the rest', () => {
    const { settings, findings } = read(`version: 2
timezone: Paris/Europe
timezon: UTC
owner: [x]
schemas: {segments: 'a b', stat: x}
models_path: ../elsewhere
gate: {max_age_hours: soon}
targets: prod
destinations:
  Meta:
    platform: meta
  broken:
    platform: meta
    servce: audiences
  fine: {platform: files, service: objects, guards: {max_delete_percent: 120}, base_url: 'ftp://x', defaults: {schedule: daily}}
`);
    expect([...summary(findings)].sort(byText)).toEqual([
      'invalid-key dinmo.yml:10:3',
      'invalid-name dinmo.yml:5:21',
      'invalid-value dinmo.yml:15:122',
      'invalid-value dinmo.yml:15:90',
      'invalid-value dinmo.yml:1:10',
      'invalid-value dinmo.yml:6:14',
      'missing-key dinmo.yml:12:3',
      'unknown-key dinmo.yml:14:5',
      'unknown-key dinmo.yml:3:1',
      'unknown-key dinmo.yml:5:28',
      'unknown-timezone dinmo.yml:2:11',
      'wrong-type dinmo.yml:15:74',
      'wrong-type dinmo.yml:4:8',
      'wrong-type dinmo.yml:7:23',
      'wrong-type dinmo.yml:8:10',
    ]);
    const fixOf = (line: number): string | undefined => findings.find((found) => found.location?.line === line)?.fix;
    expect([fixOf(3), fixOf(14)]).toEqual(['Did you mean `timezone`?', 'Did you mean `service`?']);
    expect([...settings.destinations.keys()]).toEqual(['fine']);
  });

  it('takes the country of phone numbers by its two letters only, and says which were probably meant', () => {
    const text = (top: string, own: string): string =>
      `default_country: ${top}\ndestinations:\n  ads: {platform: meta, service: audiences, default_country: ${own}}\n`;
    const { settings, findings } = read(text('NO', 'CH'));
    expect([findings, settings.defaultCountry, settings.destinations.get('ads')?.defaultCountry]).toEqual([
      [],
      'NO',
      'CH',
    ]);
    const wrong = read(text('UK', 'Atlantis'));
    expect(summary(wrong.findings)).toEqual(['invalid-value dinmo.yml:3:62', 'invalid-value dinmo.yml:1:18']);
    expect(wrong.findings.map(({ fix }) => fix)).toEqual([
      'Write the two letters of ISO 3166-1, such as FR, GB or US.',
      'Write `GB`.',
    ]);
    expect([wrong.settings.defaultCountry, wrong.settings.destinations.get('ads')?.defaultCountry]).toEqual([
      null,
      null,
    ]);
    expect(read('default_country: fr').findings.map(({ fix }) => fix)).toEqual(['Write `FR`.']);
    expect(read('default_country: france').findings.map(({ fix }) => fix)).toEqual(['Write `FR`.']);
  });

  it('takes time zones by their IANA names only, with their capitals', () => {
    expect(read('timezone: europe/paris').settings.timezone).toBe('Europe/Paris');
    expect(read('timezone: utc').settings.timezone).toBe('UTC');
    expect(read('timezone: "+02:00"').findings.map((found) => found.code)).toEqual(['unknown-timezone']);
  });

  it('reports a file that is no YAML, or says a thing twice', () => {
    expect(read('version: 1\ntimezone: [\n').findings.map((found) => found.code)).toContain('invalid-yaml');
    expect(summary(read('timezone: UTC\ntimezone: UTC\n').findings)).toEqual(['invalid-yaml dinmo.yml:2:1']);
    expect(summary(read('- a\n').findings)).toEqual(['wrong-type dinmo.yml:1:1']);
    const text = `version: 1\ndestinations: {d: {platform: files, service: objects, config: {path: o}, consent: []}}\n`;
    expect(
      read(text)
        .findings.map(({ message }) => message)
        .join(),
    ).toContain('not an empty one');
    expect(read('').findings).toEqual([]);
  });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

describe('a file that is not what was meant', () => {
  const destination = (config: string, credential = '"{{ env_var(\'A\') }}"'): string =>
    `destinations: {a: {platform: meta, service: audiences, config: {${config}}, credentials: {access_token: ${credential}}}}\n`;
  const messages = (text: string): readonly string[] => read(text).findings.map(({ message }) => message);

  it('gives the fault of its syntax, and none that the parser made', () => {
    const { settings, findings } = read('version: 1\ndestinations:\n\tfiles: {platform: files}\n  meta: {}\n');
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['invalid-yaml']));
    expect(settings.isUnreadable).toBe(true);
  });

  it('is not read half: several documents, and bytes that are no UTF-8', () => {
    expect(messages(`version: 1\n---\n${destination('')}`)).toEqual([expect.stringContaining('several documents')]);
    const folder = writeFiles(tempFolder(), { 'dinmo.yml': '' });
    writeFileSync(join(folder, 'dinmo.yml'), Buffer.from('# \u00e9t\u00e9\nversion: 1\n', 'latin1'));
    expect(readSettings(folder).findings).toMatchObject([{ code: 'invalid-yaml', message: /not UTF-8/ }]);
    writeFileSync(join(folder, 'dinmo.yml'), '# \u00e9t\u00e9 \uFFFD\r\nversion: 1\r\n');
    expect(readSettings(folder).findings).toEqual([]);
  });

  it('names a key that stands twice, and reads the rest', () => {
    const { settings, findings } = read(`timezone: UTC\ntimezone: Europe/Paris\n${destination('b: c')}`);
    expect(findings).toMatchObject([
      { code: 'invalid-yaml', message: /`timezone` stands twice/, location: { line: 2 } },
    ]);
    expect(settings.destinations.size).toBe(1);
  });

  it.each([
    ['ad_account_id: 0123456789', /`0123456789` without quotes is the number 123456789/],
    ['ad_account_id: 1e3', /is the number 1000/],
    ['path: "{{ var(\'x\') }}"', /function `var`/],
    ['path: "{{ env_var(\'x\' }}"', /cannot be rendered/],
  ])('says of a setting what it would become: %s', (config, message) => {
    expect(messages(destination(config))).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    'ad_account_id: 123',
    "path: \"{{ env_var('x', 'y') }}/z\"",
    'template: "{amount}"',
    'port: "{{ env_var(\'x\') | as_number }}"',
  ])('lets a setting be that is sound: %s', (config) => {
    expect(messages(destination(config))).toEqual([]);
  });

  it.each(["{{ env_var('A') }}", '"Bearer {{ env_var(\'A\') }}"'])(
    'tells a credential of bad Jinja from one in clear: %s',
    (text) => {
      expect(messages(destination('', text))).toEqual([expect.stringContaining('is not one `env_var` in quotes')]);
    },
  );

  it('names adapters and folders that are not there', () => {
    expect(read('adapters: [duckbd]\npaths: [dinmo, nowhere]\n').findings).toMatchObject([
      { code: 'invalid-value', fix: /duckdb/ },
      { code: 'folder-missing', severity: 'warning', location: { line: 2, column: 16 } },
    ]);
  });

  it('knows the adapters that there are', () => {
    expect([...ADAPTER_TYPES].sort()).toEqual([...warehouseTypes].sort());
  });
});

describe('credentials', () => {
  it.each([
    's3cr3t-hunter22-clear',
    '"{{ \'s3cr3t-hunter22-clear\' }}"',
    '"pre-{{ env_var(\'X\') }}"',
    '"{{ env_var(\'X\') | upper }}"',
    '12345678',
    '[s3cr3t-hunter22-clear]',
  ])('refuses %s without printing it', (value) => {
    const { settings, findings } = read(
      `destinations: {d: {platform: meta, service: audiences, credentials: {access_token: ${value}}}}`,
    );
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      code: 'clear-text-credential',
      severity: 'error',
      fix: expect.stringContaining("env_var('ACCESS_TOKEN')"),
    });
    expect(JSON.stringify([findings, settings.destinations.get('d')?.credentials])).not.toMatch(
      /s3cr3t-hunter22|12345678/,
    );
  });

  it('come from the environment and are masked from then on', () => {
    expect(resolveCredential("{{ env_var('TOKEN') }}", { TOKEN: 's3cr3t-abcd1234efgh' })).toBe('s3cr3t-abcd1234efgh');
    expect(mask('Bearer s3cr3t-abcd1234efgh')).toBe('Bearer ***');
    expect(resolveCredential('{{env_var("TOKEN", \'sandbox\')}}', {})).toBe('sandbox');
  });

  it('name the variable that is missing, or empty', () => {
    for (const env of [{}, { TOKEN: '' }]) {
      expect(() => resolveCredential("{{ env_var('TOKEN') }}", env)).toThrow(
        expect.objectContaining({ code: 'credential-missing', message: expect.stringContaining('TOKEN'), exitCode: 2 }),
      );
    }
  });

  it('settings may use env_var anywhere in them', () => {
    const env = { HOST: 'h.example', N: '5' };
    expect(resolveSetting("https://{{ env_var('HOST') }}/v1", env)).toBe('https://h.example/v1');
    expect(resolveSetting("{{ env_var('N') | as_number }}", env)).toBe(5);
    expect(resolveSetting(['{{ env_var("HOST") }}', 'x'], env)).toEqual(['h.example', 'x']);
    expect(resolveSetting(true, env)).toBe(true);
    expect(() => resolveSetting("{{ env_var('GONE') }}", env)).toThrow(
      expect.objectContaining({ code: 'setting-missing' }),
    );
    expect(() => resolveSetting('{{ gone }}', env)).toThrow(expect.objectContaining({ code: 'setting-jinja' }));
  });
});
