import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageOf } from '../../src/errors.ts';
import { runHere, type Said } from '../cli/here.ts';
import { JsonMutator, mutateBytes, mutateYaml } from './mutate.ts';
import { buildProject, type FuzzProject, slimmed } from './project.ts';
import { Dice, fuzzRuns, isSoak, SEED } from './seeded.ts';

/**
 * Real artifacts of a real dbt, damaged at any place, through whole commands: each ends in findings or in one failure that
 * says what is wrong and what to do, with the exit code of its kind, and writes nothing.
 */
const ROOT = join(import.meta.dirname, '../..');
const FILES = [
  ...['target/manifest.json', 'target/run_results.json', 'target/catalog.json'],
  ...['models/_shop.yml', 'models/_sources.yml', 'dinmo/loyal.yml', 'dinmo.yml', 'dbt_project.yml', 'profiles.yml'],
];
/** More of our own language than the fixture has, so that there is more to be damaged. */
const SETTINGS = `version: 1
timezone: Europe/Oslo
targets: [dev]
schemas: {segments: DINMO_SEGMENTS}
owner: {name: Growth, email: growth@team.test}
gate: {max_age_hours: 12}
destinations:
  export: {platform: files, service: objects, config: {path: out, format: csv}}
  hook:
    platform: webhook
    service: audiences
    config: {url: "https://hooks.example/{{ env_var('HOOK_PATH', 'in') }}", batch_size: 100}
    credentials: {secret: "{{ env_var('HOOK_SECRET') }}"}
    exclude: [loyal]
    guards: {max_delete_percent: 20, allow_empty: false}
    defaults: {schedule: "0 5 * * *"}
`;
const SEGMENTS = `  fuzzed:
    entity: customer
    label: Fuzzed
    where:
      all:
        - {attribute: country, in: [FR, "NO"]}
        - not: {segment: loyal}
    limit: {rows: 10, by: customer_id, order: desc}
    holdout: {percent: 10, salt: spring}
    activations: {hook: {mode: full, mapping: {c: country, k: {value: 1}}}}
models:
  shop.plans: {columns: {plan_id: {label: Plan}}}
`;
const PROFILES = `shop:
  target: "{{ env_var('DBT_TARGET', 'dev') }}"
  outputs:
    dev: &dev {type: duckdb, path: shop.duckdb, threads: "{{ env_var('THREADS', '1') | as_number }}"}
    prod: {<<: *dev, password: "{{ env_var('DBT_ENV_SECRET_X', 'none') }}"}
`;

let project: FuzzProject;

beforeAll(async () => {
  project = await buildProject('test/fixtures/versions-project');
  project.write('target/manifest.json', slimmed(project.read('target/manifest.json')));
  project.write('dinmo.yml', SETTINGS);
  project.write('dinmo/loyal.yml', `${project.read('dinmo/loyal.yml')}${SEGMENTS}`);
  project.write('profiles.yml', PROFILES);
  // The commands ask the warehouse only where there is one, and that would be most of the time.
  for (const name of readdirSync(project.folder)) if (name.includes('.duckdb')) project.remove(name);
});
afterAll(() => project?.dispose());

/** Ends as it should, or throws with what was said. */
function expectSound(said: Said, folder: string): void {
  const { code, stdout, stderr } = said;
  // 4 is a warehouse that is not there, which is so here, once the project is sound.
  expect([0, 1, 2, 3, 4]).toContain(code);
  expect(stdout + stderr).not.toMatch(
    /\n\s+at .*:\d+|\[object |(?<!`)\bundefined\b|Maximum call stack|RangeError|TypeError/,
  );
  const answer = JSON.parse(stdout) as Answer;
  if (code >= 2) {
    expect(answer.error?.code).toMatch(/^[a-z][a-z-]+[a-z0-9]$/);
    expect(answer.error?.code).not.toBe('unexpected');
    expect(stderr.match(/^error {2}/gm)).toHaveLength(1);
    // What is wrong, and what to do.
    expect(answer.error?.message).toMatch(/^.{10,}[.!?)] .{8,}[.!?:)]$/s);
    // dbt's file may be named in the message or by its place.
    expect(answer.error?.message).toMatch(/\.(json|ya?ml|duckdb)|profile|target|manifest|project|adapter/i);
    return;
  }
  expect(answer.error).toBeNull();
  for (const finding of answer.findings ?? []) {
    expect(finding.message.length).toBeGreaterThan(10);
    expect(finding.message.length).toBeLessThan(1_500);
    expect(finding.fix.length).toBeGreaterThan(5);
    expect(finding.file ?? '').not.toContain(folder);
  }
}

interface Answer {
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly findings?: readonly { readonly message: string; readonly fix: string; readonly file: string | null }[];
}

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, Map.prototype].map(
  (prototype) => [prototype, Reflect.ownKeys(prototype).length] as const,
);

function expectNoPollution(): void {
  for (const [prototype, keys] of PROTOTYPES) expect(Reflect.ownKeys(prototype)).toHaveLength(keys);
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
}

const COMMANDS = [['check'], ['generate', '--check'], ['check', '--explain'], ['plan']];

/** Damages one file in as many ways as are wanted, and lets commands read the project each time. */
async function fuzz(damaged: FuzzProject, file: string, runs: number): Promise<ReadonlyMap<number, number>> {
  const text = damaged.read(file);
  const json = file.endsWith('.json') ? new JsonMutator(text) : null;
  const codes = new Map<number, number>();
  try {
    for (let seed = SEED; seed < SEED + runs; seed++) {
      const dice = new Dice(seed);
      const content = dice.below(4) === 0 ? mutateBytes(text, dice) : (json?.mutate(dice) ?? mutateYaml(text, dice));
      damaged.write(file, content);
      // Only what opens the warehouse needs the profile.
      const command = dice.of(file === 'profiles.yml' ? [['plan']] : COMMANDS);
      try {
        const said = await runHere([...command, '--output', 'json'], { cwd: damaged.folder });
        expectSound(said, damaged.folder);
        expectNoPollution();
        codes.set(said.code, (codes.get(said.code) ?? 0) + 1);
      } catch (cause) {
        throw new Error(`${file}, DINMO_FUZZ_SEED=${seed}, ${command.join(' ')}: ${messageOf(cause)}`, { cause });
      }
    }
  } finally {
    damaged.write(file, text);
  }
  return codes;
}

describe('a damaged file', () => {
  test('is read as it should before it is damaged', async () => {
    const said = await runHere(['check', '--output', 'json'], { cwd: project.folder });
    expect(said, said.stdout).toMatchObject({ code: 0 });
  });

  test.each(FILES)('%s', async (file) => {
    const before = project.files();
    const codes = await fuzz(project, file, fuzzRuns(12));
    expect(codes.size, JSON.stringify([...codes])).toBeGreaterThan(1);
    expect([...project.files()]).toEqual([...before]);
  });

  test.each(['manifest', 'run_results', 'catalog'])('%s.json that was cut off anywhere is said to be', async (name) => {
    const file = `target/${name}.json`;
    const text = project.read(file);
    const dice = new Dice(SEED);
    const ends = [
      0,
      1,
      2,
      text.length - 2,
      text.length - 1,
      ...Array.from({ length: 25 }, () => dice.below(text.length)),
    ];
    for (const end of ends) {
      project.write(file, text.slice(0, end));
      const { code, stdout } = await runHere(['check', '--output', 'json'], { cwd: project.folder });
      const error = `${name.replace('_', '-')}-unreadable`;
      expect({ end, code, error: JSON.parse(stdout).error?.code }).toEqual({ end, code: 3, error });
    }
    project.write(file, text);
  });

  test.runIf(isSoak)('of any dbt that is in use', async () => {
    for (const environment of readdirSync(join(ROOT, '.venvs'))) {
      const other = await buildProject('test/fixtures/versions-project', {
        environment: `.venvs/${environment}`,
        commands: ['parse'],
      }).catch(() => null);
      if (other === null) continue;
      other.write('target/manifest.json', slimmed(other.read('target/manifest.json')));
      await fuzz(other, 'target/manifest.json', fuzzRuns(50));
      other.dispose();
    }
  });
});
