import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readSettings } from '../../src/artifacts/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'dinmo-alerts-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(alerts: string) {
  writeFileSync(join(folder, 'dinmo.yml'), `version: 1\nalerts: ${alerts}\n`);
  const { settings, findings } = readSettings(folder);
  const told = findings.map(({ code, location, fix }) => `${code} ${location?.line}:${location?.column} ${fix}`);
  return { ...settings.alerts, findings: told };
}

test('alerts are read, and told of everything unless they say of what', () => {
  const { alerts, link, findings } = read(`
  link: https://grafana.example.com/d/dinmo
  team: {type: slack, url: "{{ env_var('SLACK_URL') }}"}
  pager: {type: webhook, url: "{{ env_var('PAGER') }}", secret: "{{ env_var('KEY') }}", on: [failed]}`);
  expect(findings).toEqual([]);
  expect(link).toBe('https://grafana.example.com/d/dinmo');
  expect(alerts.get('team')).toMatchObject({ type: 'slack', on: ['failed', 'partial', 'blocked', 'recovered'] });
  expect(alerts.get('pager')).toMatchObject({ secret: "{{ env_var('KEY') }}", on: ['failed'] });
});

test.each([
  ['{team: {type: slack, url: "https://hooks.slack.com/services/T/B/x"}}', 'clear-text-credential', 'TEAM_URL'],
  [`{team: {type: slack, urll: "{{ env_var('X') }}"}}`, 'unknown-key', 'url'],
  [`{team: {type: slak, url: "{{ env_var('X') }}"}}`, 'invalid-value', 'slack'],
  [`{team: {type: webhook, url: "{{ env_var('X') }}", on: [fail]}}`, 'invalid-value', 'failed'],
  [`{team: {type: slack, url: "{{ env_var('X') }}", secret: "{{ env_var('Y') }}"}}`, 'invalid-value', 'Remove'],
  [`{Team: {type: slack, url: "{{ env_var('X') }}"}}`, 'invalid-key', 'lower-case'],
  ['{link: nowhere}', 'invalid-value', 'https://'],
  ['{team: {type: slack}}', 'missing-key', 'url'],
])('%s is %s', (alerts, code, fix) => {
  const { findings } = read(alerts);
  expect(findings.some((finding) => finding.startsWith(`${code} 2:`) && finding.includes(fix))).toBe(true);
});
