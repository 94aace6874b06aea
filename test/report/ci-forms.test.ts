import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import type { Finding, Severity } from '../../src/finding.ts';
import { registerSecret } from '../../src/log.ts';
import { type CheckOutcome, inRepository } from '../../src/report/check-outcome.ts';
import { githubSummary, renderGithub } from '../../src/report/findings-github.ts';
import { gitlabJson } from '../../src/report/findings-gitlab.ts';
import { renderJunit } from '../../src/report/findings-junit.ts';
import { sarifJson } from '../../src/report/findings-sarif.ts';
import { plainStyle } from '../../src/report/style.ts';
import { secret } from '../privacy/canaries.ts';

const HOSTILE = 'a"b\'<&>]]>\n::error::x\r##[add-mask]y|`%0A,:é😀\u0000\u001b[2J\ud800\u202e\uffff';

function finding(change: Partial<Finding> = {}): Finding {
  return {
    code: 'unknown-column',
    severity: 'error',
    message: 'The model `customers` has no column `emial`.',
    fix: 'Correct the name.',
    location: { file: 'models/_customers.yml', line: 12, column: 9 },
    node: 'model.shop.customers',
    ...change,
  };
}

function outcome(findings: readonly Finding[], change: Partial<CheckOutcome> = {}): CheckOutcome {
  const base = { findings, failure: null, projectFile: 'dbt_project.yml', version: '1.2.3', exitCode: 1 };
  return inRepository({ ...base, ...change }, 'transform/dbt/');
}

const many = (count: number, severity: Severity): readonly Finding[] =>
  Array.from({ length: count }, (_, index) => finding({ severity, message: `${severity} ${index}.` }));

const hostile = finding({
  message: HOSTILE,
  fix: HOSTILE,
  node: `model.shop.${HOSTILE}`,
  location: { file: `models/${HOSTILE}/#a?b c%.yml`, line: 1, column: 1 },
});

/** What the runner of GitHub Actions does with a step's lines (ActionCommand.cs: version 2, then version 1). */
function runner(stdout: string) {
  const commands: {
    readonly name: string;
    readonly properties: Readonly<Record<string, string>>;
    readonly data: string;
  }[] = [];
  let stopped: string | null = null;
  const plain = (text: string): string =>
    text
      .replaceAll('%3A', ':')
      .replaceAll('%2C', ',')
      .replaceAll('%0A', '\n')
      .replaceAll('%0D', '\r')
      .replaceAll('%25', '%');
  for (const line of stdout.split(/\r\n|\n|\r/)) {
    const text = line.trim();
    if (stopped !== null) {
      if (text === `::${stopped}::`) stopped = null;
      continue;
    }
    const [, name = '', stated = '', data = ''] =
      /^::([\w-]+)(?: (.*?))?::(.*)$/.exec(text) ?? /##\[([\w-]+)(?: (.*?))?\](.*)/.exec(line) ?? [];
    if (name === '') continue;
    if (name === 'stop-commands') stopped = data;
    else {
      const properties = stated
        .split(',')
        .filter((pair) => pair !== '')
        .map((pair) => pair.split('='));
      commands.push({
        name,
        properties: Object.fromEntries(properties.map(([key = '', ...value]) => [key, plain(value.join('='))])),
        data: plain(data),
      });
    }
  }
  return commands;
}

describe('github', () => {
  test('annotations on the lines of the repository, with what to do', () => {
    const text = renderGithub(
      outcome([finding({ severity: 'info' }), finding({ severity: 'warning' }), finding()]),
      plainStyle,
    );
    const place = { file: 'transform/dbt/models/_customers.yml', line: '12', col: '9', title: 'unknown-column' };
    const data = 'The model `customers` has no column `emial`. Correct the name.';
    expect(runner(text)).toEqual(['error', 'warning', 'notice'].map((name) => ({ name, properties: place, data })));
    expect(text).toContain('transform/dbt/models/_customers.yml:12:9  error  unknown-column');
  });

  test('no more than ten of a level, and a notice that says what was cut', () => {
    const commands = runner(
      renderGithub(outcome([...many(14, 'warning'), ...many(12, 'info'), ...many(30, 'error')]), plainStyle),
    );
    const count = (name: string): number => commands.filter((command) => command.name === name).length;
    expect([count('error'), count('warning'), count('notice')]).toEqual([10, 10, 10]);
    expect(commands.at(-1)?.data).toContain('20 errors, 4 warnings, 3 notes more');
  });

  test('a name of the project gives the runner no command', () => {
    const commands = runner(renderGithub(outcome([hostile]), plainStyle));
    expect(commands).toHaveLength(1);
    expect(commands[0]?.properties['file']).toContain('a"b\'<&>]]>\n::error::x');
    expect(commands[0]?.data).toContain('::error::x');
  });

  test('the summary of the job keeps to its size, stays a table, and says what it left out', () => {
    const all = outcome([...many(500, 'error'), hostile]);
    const text = githubSummary(all, 20_000);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(20_000);
    const rows = text.split('\n').filter((line) => line.startsWith('| error'));
    expect(text).toContain(`${501 - rows.length} more are in the log`);
    expect(githubSummary(all, 10)).toBe('');
    const table = githubSummary(outcome([hostile]), 100_000);
    const row = table.split('\n').find((line) => line.startsWith('| error'));
    expect(row?.match(/(?<!\\)\|/g)).toHaveLength(5);
    expect(table).not.toMatch(/<|`/);
  });
});

describe('gitlab', () => {
  test('the fields that Code Quality reads', () => {
    expect(gitlabJson(outcome([finding(), finding({ severity: 'warning', location: null })]))).toEqual([
      expect.objectContaining({
        check_name: 'unknown-column',
        description: 'The model `customers` has no column `emial`. Correct the name.',
        severity: 'major',
        fingerprint: expect.stringMatching(/^[0-9a-f]{40}$/),
        location: expect.objectContaining({ path: 'transform/dbt/models/_customers.yml', lines: { begin: 12 } }),
      }),
      expect.objectContaining({
        severity: 'minor',
        location: expect.objectContaining({ path: 'transform/dbt/dbt_project.yml', lines: { begin: 1 } }),
      }),
    ]);
  });

  test('fingerprints are unique, and the same when lines move', () => {
    const prints = (findings: readonly Finding[]): unknown[] =>
      gitlabJson(outcome(findings)).map((issue) => Reflect.get(issue, 'fingerprint'));
    const moved = { location: { file: 'models/_customers.yml', line: 40, column: 3 } };
    const twice = (line: number): Finding =>
      finding({ ...moved, message: `It is stated here and in models/a.yml:${line}.` });
    const before = prints([finding(), finding(), twice(3), finding({ code: 'other' })]);
    expect(new Set(before).size).toBe(4);
    expect(prints([finding(moved), finding(moved), twice(80), finding({ ...moved, code: 'other' })])).toEqual(before);
    expect(prints([finding({ message: 'Another.' })])).not.toEqual(prints([finding()]));
  });
});

describe('sarif', () => {
  test('rules with help, results with place, node and fingerprint', () => {
    const log = sarifJson(outcome([finding(), finding({ severity: 'info', location: null }), hostile]));
    const [run] = Reflect.get(log, 'runs');
    expect(run.tool.driver.rules).toEqual([
      expect.objectContaining({
        id: 'unknown-column',
        shortDescription: { text: 'The model has no such column' },
        help: expect.objectContaining({ markdown: expect.stringContaining('primary_key: custmer_id') }),
        defaultConfiguration: { level: 'error' },
      }),
    ]);
    expect(run.results.map((result: { level: string }) => result.level)).toEqual(['error', 'note', 'error']);
    expect(run.results[0]).toEqual({
      ruleId: 'unknown-column',
      ruleIndex: 0,
      level: 'error',
      message: { text: 'The model `customers` has no column `emial`. Correct the name.' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'transform/dbt/models/_customers.yml', uriBaseId: '%SRCROOT%' },
            region: { startLine: 12, startColumn: 9 },
          },
          logicalLocations: [{ fullyQualifiedName: 'model.shop.customers', name: 'customers', kind: 'resource' }],
        },
      ],
      partialFingerprints: { 'dinmoFinding/v1': expect.stringMatching(/^[0-9a-f]{40}$/) },
      properties: { fix: 'Correct the name.' },
    });
    const { uri } = run.results[2].locations[0].physicalLocation.artifactLocation;
    expect(uri).toMatch(/^transform\/dbt\/models\/[A-Za-z0-9%._~!'()*-]+\/%23a%3Fb%20c%25\.yml$/);
    expect(decodeURIComponent(uri)).toContain(':é😀');
  });

  test('more results than code scanning takes are cut, errors last, and counted', () => {
    const [run] = Reflect.get(sarifJson(outcome([...many(25_000, 'warning'), finding()])), 'runs');
    expect(run.results).toHaveLength(25_000);
    expect(run.results[0].level).toBe('error');
    expect(run.invocations[0].toolExecutionNotifications[0].message.text).toContain('1 warning were left out');
  });

  // The schema of OASIS: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json
  const schema = process.env['DINMO_SARIF_SCHEMA'] ?? '';
  test.skipIf(!existsSync(schema))('is valid by the official schema', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true, unicodeRegExp: false });
    const { $schema: _, id: __, ...content } = JSON.parse(readFileSync(schema, 'utf8'));
    const validate = ajv.compile(content);
    for (const log of [outcome([]), outcome([finding(), hostile, finding({ location: null })]), stopped()]) {
      const isValid = validate(JSON.parse(JSON.stringify(sarifJson(log))));
      expect(validate.errors ?? []).toEqual([]);
      expect(isValid).toBe(true);
    }
  });
});

function stopped(): CheckOutcome {
  const failure = {
    code: 'manifest-missing',
    message: 'There is no manifest.',
    fix: 'Run `dbt parse`.',
    location: null,
  };
  return outcome([], { failure, exitCode: null });
}

describe('junit', () => {
  test('one case for each rule and node; errors fail it, warnings do not', () => {
    const other = finding({ node: 'model.shop.orders', severity: 'warning' });
    const text = renderJunit(outcome([finding(), finding({ message: 'Another.' }), other]));
    expect(text).toContain('<testsuites name="dinmo check" tests="2" failures="1" errors="0" time="0">');
    expect(text.match(/<testcase /g)).toHaveLength(2);
    expect(text).toContain(
      'name="unknown-column · model.shop.customers" file="transform/dbt/models/_customers.yml" line="12"',
    );
    expect(text).toContain('Another. Correct the name.</failure>');
    expect(text).toMatch(/<system-out>warning {2}transform\/dbt\/models\/_customers\.yml:12:9/);
    expect(renderJunit(outcome([]))).toContain('tests="1" failures="0"');
  });

  test('XML stays well formed, whatever a name holds', () => {
    const text = renderJunit(outcome([hostile]));
    expect(text.isWellFormed()).toBe(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has none of them.
    expect(text).not.toMatch(/[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|&(?!(?:amp|lt|gt|quot|apos|#\d+);)|\]\]>/);
    const tags = text.replaceAll(/<\?.*\?>/g, '').match(/<[^>]*>/g) ?? [];
    const tag = /^<(\/?[a-z-]+)((?: [a-z]+="[^"<]*")*)\/?>$/;
    expect(tags.filter((each) => !tag.test(each))).toEqual([]);
    expect(tags.map((each) => tag.exec(each)?.[1])).toEqual([
      ...['testsuites', 'testsuite', 'testcase', 'failure', '/failure', '/testcase', '/testsuite', '/testsuites'],
    ]);
  });
});

test('every form says why the command stopped, and stays what it is', () => {
  const words = 'There is no manifest. Run `dbt parse`.';
  const place = { file: 'transform/dbt/dbt_project.yml', line: '1', col: '1', title: 'manifest-missing' };
  expect(runner(renderGithub(stopped(), plainStyle))).toEqual([{ name: 'error', properties: place, data: words }]);
  expect(gitlabJson(stopped())).toEqual([expect.objectContaining({ severity: 'blocker', description: words })]);
  expect(renderJunit(stopped())).toContain('failures="0" errors="1"');
  const [run] = Reflect.get(sarifJson(stopped()), 'runs');
  expect(run.results).toEqual([]);
  expect(run.invocations).toEqual([
    {
      executionSuccessful: false,
      toolExecutionNotifications: [
        expect.objectContaining({ level: 'error', descriptor: { id: 'manifest-missing' }, message: { text: words } }),
      ],
    },
  ]);
});

test('a secret with signs that a form escapes is masked all the same', () => {
  const value = `${secret('ci-form')}&<:%`;
  registerSecret(value);
  const leaky = outcome([finding({ message: value, fix: value })]);
  const told = [renderGithub(leaky, plainStyle), renderJunit(leaky), githubSummary(leaky, 10_000)].join('\n');
  expect(told).not.toContain(value.slice(0, -4));
  expect(told).toContain('***');
});
