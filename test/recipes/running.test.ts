import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SimulatedCloud } from '../dbt-cloud/simulated-cloud.ts';
import type { Workspace } from '../e2e/workspace.ts';
import { secret } from '../privacy/canaries.ts';
import { breakOrders, createShop, type Ran, ran, Sandbox, writeProgram } from './shop.ts';
import { WorkflowRunner, type World } from './workflow-runner.ts';

const ROOT = join(import.meta.dirname, '../..');
const RECIPES = join(ROOT, 'recipes');

/** The interpreter's folder of a scheduler, where it could be installed. */
function environment(name: string): string | null {
  const folder = join(ROOT, '.venvs', `recipes-${name}`);
  return existsSync(join(folder, 'installed.json')) ? join(folder, 'bin') : null;
}

const occurrences = (text: string, part: string): number => text.split(part).length - 1;

// npm run test:recipes
const isWanted = process.env['DINMO_TEST_RECIPES'] !== undefined;

describe.skipIf(!isWanted)('recipes', () => {
  let shop: Workspace;
  let sandbox: Sandbox;
  const shops: Workspace[] = [];
  beforeAll(async () => {
    shop = await createShop();
    sandbox = await Sandbox.start(shop);
  });
  afterAll(async () => {
    await sandbox.stop();
    for (const one of [shop, ...shops]) one.dispose();
  });

  const fresh = (): Workspace => {
    const copy = shop.copy();
    shops.push(copy);
    return copy;
  };
  /** What the README of a recipe says to set. */
  const settings = (at: Workspace, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    ...at.env,
    HOME: at.folder,
    DBT_PROJECT_DIR: at.folder,
    DBT_PROFILES_DIR: at.folder,
    DBT_TARGET: 'prod',
    DBT: join(at.folder, '.venv/bin/dbt'),
    SYNC_OPTIONS: `--target prod --sandbox ${sandbox.url}`,
    RETRY_SECONDS: '0',
    ...more,
  });
  /** A dinmo that ends with this code, and one line in `calls` for each time that it is called. */
  const ending = (at: Workspace, code: number): Record<string, string> => {
    const said = { activations: [], error: code < 2 ? null : { code: 'told', message: 'what the program told' } };
    writeProgram(at, 'stand-in', `echo x >> calls\necho '${JSON.stringify(said)}'\nexit ${code}`);
    return settings(at, { DINMO: join(at.folder, 'stand-in'), RETRIES: '3' });
  };
  const calls = (at: Workspace): number =>
    existsSync(join(at.folder, 'calls')) ? occurrences(at.read('calls'), 'x') : 0;

  describe.skipIf(!isWanted || environment('airflow') === null)('airflow', () => {
    const program = join(environment('airflow') ?? '', 'airflow');
    let home: string;
    const dag = async (at: Workspace, env: Record<string, string>): Promise<Ran> => {
      const own = {
        AIRFLOW_HOME: home,
        AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
        AIRFLOW__CORE__DAGS_FOLDER: join(RECIPES, 'airflow'),
      };
      const PATH = `${environment('airflow')}:${env['PATH']}`;
      if (!existsSync(join(home, 'airflow.db')))
        expect((await ran([program, 'db', 'migrate'], { cwd: at.folder, env: { ...env, ...own, PATH } })).code).toBe(0);
      return await ran([program, 'dags', 'test', 'dbt_and_dinmo', '2026-01-01'], {
        cwd: at.folder,
        env: { ...env, ...own, PATH },
      });
    };
    beforeAll(() => {
      home = join(shop.folder, 'airflow-home');
      mkdirSync(home);
    });

    it('builds and sends; a failed model blocks what hangs on it, once, and the run fails', async () => {
      const at = fresh();
      const first = await dag(at, settings(at));
      expect([first.code, first.printed]).toEqual([0, expect.stringContaining('french.hook: succeeded')]);
      expect(first.printed).toMatch(/DagRun Finished.*state=success/);
      breakOrders(at);
      at.edit('seeds/raw_people.csv', '1,FR,Lyon', '1,FR,Paris');
      const second = await dag(at, settings(at));
      expect([second.code, second.printed]).toEqual([1, expect.stringMatching(/exit code 1: big_orders.hook blocked/)]);
      expect(second.printed).toMatch(/french.hook: succeeded, accepted \{'insert': 0, 'update': 1, 'delete': 0\}/);
      expect(occurrences(second.printed, 'starting task_id=dinmo_sync')).toBe(1);
    });

    it('tries again after exit code 4, and not after 2', async () => {
      const at = fresh();
      writeProgram(at, '.venv/bin/dbt', 'exit 0');
      expect((await dag(at, ending(at, 2))).code).toBe(1);
      expect(calls(at)).toBe(1);
      expect((await dag(at, ending(at, 4))).code).toBe(1);
      expect(calls(at)).toBe(1 + 4);
      expect((await dag(at, { ...ending(at, 1), ON_FINDINGS: 'success' })).code).toBe(0);
    });
  });

  describe.skipIf(!isWanted || environment('dagster') === null)('dagster', () => {
    const dagster = async (at: Workspace, env: Record<string, string>, ...args: readonly string[]): Promise<Ran> => {
      const PATH = `${environment('dagster')}:${env['PATH']}`;
      const from = ['-f', join(RECIPES, 'dagster/definitions.py')];
      return await ran([join(environment('dagster') ?? '', 'dagster'), ...args, ...from], {
        cwd: at.folder,
        env: { ...env, PATH, DAGSTER_DISABLE_TELEMETRY: '1', DBT: join(environment('dagster') ?? '', 'dbt') },
      });
    };
    const sync = ['asset', 'materialize', '--select', 'dinmo_sync'];

    it('builds and sends; a failed build leaves the sync out, which is materialised by itself', async () => {
      const at = fresh();
      await at.dbt('parse', '-q');
      const first = await dagster(at, settings(at), 'job', 'execute', '-j', 'dbt_and_dinmo');
      expect([first.code, first.printed]).toEqual([
        0,
        expect.stringContaining("Asset check 'delivered' on 'dinmo_sync' passed"),
      ]);
      breakOrders(at);
      const second = await dagster(at, settings(at), 'job', 'execute', '-j', 'dbt_and_dinmo');
      expect([second.code === 0, second.printed]).toEqual([
        false,
        expect.not.stringContaining('Materialized value dinmo_sync'),
      ]);
      const alone = await dagster(at, settings(at), ...sync);
      expect(alone.printed).toContain("Asset check 'delivered' on 'dinmo_sync' did not pass");
    });

    it('tries again after exit code 4, and not after 2', async () => {
      const at = fresh();
      await at.dbt('parse', '-q');
      expect((await dagster(at, ending(at, 2), ...sync)).code).toBe(1);
      expect(calls(at)).toBe(1);
      expect((await dagster(at, ending(at, 4), ...sync)).code).toBe(1);
      expect(calls(at)).toBe(1 + 4);
    });
  });

  describe.skipIf(!isWanted || environment('prefect') === null)('prefect', () => {
    const flow = async (at: Workspace, env: Record<string, string>): Promise<Ran> =>
      await ran([join(environment('prefect') ?? '', 'python'), join(RECIPES, 'prefect/flow.py')], {
        cwd: at.folder,
        env: {
          ...env,
          PREFECT_HOME: join(at.folder, 'prefect'),
          DO_NOT_TRACK: '1',
          // Its temporary server takes a while on a busy machine.
          PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: '120',
          PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
        },
      });

    it('builds and sends; a failed model blocks what hangs on it, and the flow fails', async () => {
      const at = fresh();
      const first = await flow(at, settings(at));
      expect([first.code, first.printed]).toEqual([0, expect.stringContaining("Completed('Everything was sent')")]);
      breakOrders(at);
      const second = await flow(at, settings(at));
      expect([second.code, second.printed]).toEqual([
        1,
        expect.stringMatching(/dbt build ended with 1. Not sent: big_orders.hook/),
      ]);
    });

    it('tries again after exit code 4, and not after 2', async () => {
      const at = fresh();
      writeProgram(at, '.venv/bin/dbt', 'exit 0');
      expect((await flow(at, ending(at, 2))).code).toBe(1);
      expect(calls(at)).toBe(1);
      expect((await flow(at, ending(at, 4))).code).toBe(1);
      expect(calls(at)).toBe(1 + 4);
    });
  });

  const world = (at: Workspace, values: Readonly<Record<string, string>> = {}): World => {
    for (const name of ['npm', 'pip']) writeProgram(at, `tools/${name}`, 'exit 0');
    const PATH = `${at.folder}/tools:${at.folder}/.venv/bin:${at.env['PATH']}`;
    return { folder: at.folder, env: { ...at.env, PATH, HOME: at.folder }, values };
  };
  /** The workflow with what a user fills in: here, where the simulated platforms are. */
  const filledIn = (at: Workspace, recipe: string): string => {
    const text = readFileSync(join(RECIPES, recipe), 'utf8');
    const filled = text.replace(/SYNC_OPTIONS: .*/, `SYNC_OPTIONS: --target prod --sandbox ${sandbox.url}`);
    at.write('workflow.yml', filled);
    return join(at.folder, 'workflow.yml');
  };

  it('github-actions: builds and sends; the job fails with a failed build, after what can be sent was', async () => {
    const at = fresh();
    const first = await new WorkflowRunner(world(at)).run(filledIn(at, 'github-actions/dinmo-sync.yml'));
    expect([first.failed, first.log]).toEqual([false, expect.stringContaining('## Sync: 0')]);
    expect(first.summary).toContain('french.hook');
    breakOrders(at);
    const second = await new WorkflowRunner(world(at)).run(join(at.folder, 'workflow.yml'));
    expect([second.failed, second.log]).toEqual([
      true,
      expect.stringMatching(/## Build: 1[\s\S]*## Sync: 1[\s\S]*Failed. Activations/),
    ]);
  });

  it('github-actions: a pull request is checked and compared with its base', async () => {
    const at = fresh();
    at.write('.gitignore', 'target/\nlogs/\n*.duckdb\nrunner/\ntools/\nworkflow.yml\n');
    const git = `git init -q . && git add . && git -c user.name=a -c user.email=a@example.com commit -qm base && git update-ref refs/remotes/origin/main HEAD`;
    expect(await ran(['bash', '-ec', git], { cwd: at.folder, env: at.env })).toEqual({ code: 0, printed: '' });
    at.edit('dinmo/segments.yml', 'eq: FR', 'eq: GB');
    await at.dbt('parse', '-q');
    await at.dinmo('generate', '-q');
    const { folder, env, values } = world(at);
    const runner = new WorkflowRunner({ folder, env: { ...env, GITHUB_BASE_REF: 'main' }, values });
    const { log, summary } = await runner.run('recipes/github-actions/dinmo-pull-request.yml');
    expect([log, summary]).toEqual([expect.stringContaining('## Impact: '), expect.stringContaining('country eq GB')]);
  });

  it('dbt-cloud: a dispatched workflow syncs what the run built', async () => {
    const at = fresh();
    await at.dbt('build', '-q');
    const cloud = await SimulatedCloud.start({ token: secret('cloud-token'), webhookSecret: secret('cloud-webhook') });
    try {
      const artifacts = Object.fromEntries(
        ['manifest.json', 'run_results.json'].map((name) => [name, at.read(`target/${name}`)]),
      );
      cloud.runs.set(8, { steps: [{ name: 'Invoke dbt with `dbt build`', artifacts }] });
      at.remove('target');
      const given = Object.entries(cloud.env).flatMap(([name, value]) => [
        [`secrets.${name}`, value],
        [`vars.${name}`, value],
      ]);
      const values = { ...Object.fromEntries(given), 'github.event.client_payload.run_id': '8' };
      const done = await new WorkflowRunner(world(at, values)).run(filledIn(at, 'dbt-cloud/dinmo-after-dbt-cloud.yml'));
      expect([done.failed, done.log]).toEqual([false, expect.stringContaining('## Sync: 0')]);
      expect(done.summary).toContain('french.hook');
    } finally {
      await cloud.close();
    }
  });

  it('cron: the lines do what they say', async () => {
    const at = fresh();
    at.write('log/none', '');
    writeFileSync(join(at.folder, 'environment'), readFileSync(join(RECIPES, 'cron/environment.example')));
    const lines = readFileSync(join(RECIPES, 'cron/crontab'), 'utf8')
      .split('\n')
      .filter((line) => /^[*\d]/.test(line));
    const commands = lines.map((line) =>
      line
        .replace(/^(\S+\s+){5}/, '')
        .replaceAll('/srv/shop', at.folder)
        .replaceAll('/etc/dinmo/', `${at.folder}/`)
        .replaceAll('/var/log/dinmo', `${at.folder}/log`)
        .replace('dinmo sync', `dinmo sync --sandbox ${sandbox.url}`)
        .replace('dinmo status', `dinmo status --sandbox ${sandbox.url}`),
    );
    at.edit('environment', '/srv/shop', at.folder);
    for (const command of commands) {
      const { code } = await ran(['sh', '-c', command], { cwd: '/', env: at.env });
      expect([command, code, code === 0 ? '' : at.read('log/sync.log')]).toEqual([command, 0, '']);
    }
    expect(at.read('log/sync.log')).toContain('"activation.finished"');
  });

  it.skipIf(!existsSync('/usr/bin/systemd-analyze'))('cron and dbt-cloud: systemd takes the units', async () => {
    const at = fresh();
    const units = [
      'cron/dbt-build.service',
      'cron/dbt-build.timer',
      'cron/dinmo-sync.service',
      'cron/dinmo-sync.timer',
      'dbt-cloud/dinmo-listen.service',
    ];
    const files = units.map((unit) => {
      const name = join(at.folder, unit.replace(/^.*\//, ''));
      writeFileSync(name, readFileSync(join(RECIPES, unit), 'utf8').replaceAll('/srv/shop', at.folder));
      return name;
    });
    const { printed } = await ran(['systemd-analyze', 'verify', '--man=no', ...files], { cwd: at.folder, env: at.env });
    // What it says of units of this machine is not about ours.
    expect(printed.split('\n').filter((line) => line.includes(at.folder))).toEqual([]);
  });
});
