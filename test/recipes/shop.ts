import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { must, Workspace } from '../e2e/workspace.ts';
import { observe } from '../privacy/observer.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROGRAM = join(ROOT, 'dist/cli/main.js');
const DBT = join(ROOT, '.venv/bin/dbt');

const FILES: Readonly<Record<string, string>> = {
  'dbt_project.yml': 'name: shop\nprofile: shop\nflags: {send_anonymous_usage_stats: false}\n',
  'profiles.yml': `shop:
  target: prod
  outputs:
    prod: {type: duckdb, path: shop.duckdb, threads: 2}
    ci: {type: duckdb, path: shop.duckdb, schema: ci, threads: 2}
`,
  'seeds/raw_people.csv': 'id,country,city\n1,FR,Lyon\n2,FR,Nice\n3,GB,Leeds\n',
  'seeds/raw_orders.csv': 'order_id,person_id,amount\n10,1,20\n11,3,40\n',
  'models/people.sql': "select * from {{ ref('raw_people') }}",
  'models/orders.sql': "select * from {{ ref('raw_orders') }}",
  'models/_models.yml': `models:
  - name: people
    config: {meta: {dinmo: {entity: {name: person, class: customers}}}}
    columns:
      - {name: id, data_type: integer, data_tests: [unique, not_null]}
      - {name: country, data_type: varchar}
      - {name: city, data_type: varchar}
  - name: orders
    config: {meta: {dinmo: {entity: {name: order, type: dimension, class: other}}}}
    columns:
      - {name: order_id, data_type: integer, data_tests: [unique, not_null]}
      - {name: amount, data_type: integer}
`,
  'dinmo/segments.yml': `segments:
  french:
    entity: person
    where: {attribute: country, eq: FR}
    activations:
      hook: {operations: [insert, update, delete], mapping: {city: city}}
  big_orders:
    entity: order
    where: {attribute: amount, gte: 10}
    activations:
      hook: {operations: [insert, update, delete], mapping: {amount: amount}}
`,
  'dinmo.yml': `version: 1
targets: [prod]
destinations:
  hook:
    platform: webhook
    service: objects
    config: {url: "https://shop.example/in", batch_size: 100}
`,
};

/** A program of its own name in a folder that stands first in PATH. */
export function writeProgram(workspace: Workspace, path: string, text: string): void {
  workspace.write(path, `#!/bin/bash\n${text}\n`);
  chmodSync(join(workspace.folder, path), 0o755);
}

/** A project as a user's: generated, committed, never built; dbt and dinmo where the recipes look for them. */
export async function createShop(): Promise<Workspace> {
  const shop = Workspace.create(FILES);
  await must(shop.dbt('parse', '-q'));
  await must(shop.dinmo('generate', '-q'));
  writeProgram(shop, '.venv/bin/dbt', `exec "${DBT}" "$@"`);
  writeProgram(shop, 'node_modules/.bin/dinmo', `exec "${process.execPath}" "${PROGRAM}" "$@"`);
  return shop;
}

/** Lets the model of orders fail, so that one activation is blocked and the other is not. */
export function breakOrders(shop: Workspace): void {
  shop.write('models/orders.sql', "select * from {{ ref('raw_orders') }} where no_such_column");
}

/** The simulated platforms, as `dinmo sandbox` starts them. */
export class Sandbox {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(shop: Workspace): Promise<Sandbox> {
    const child = shop.start('sandbox', '--port', '0', '--output', 'json');
    let printed = '';
    while (!printed.includes('}')) {
      const [chunk] = await Promise.race([once(child.stdout ?? child, 'data'), once(child, 'close')]);
      if (chunk === undefined || chunk === null || typeof chunk === 'number') throw new Error('no sandbox');
      printed += String(chunk);
    }
    return new Sandbox((JSON.parse(printed) as { readonly url: string }).url, child);
  }

  /** How many rows each activation's receiver holds. */
  async state(): Promise<string> {
    return await (await fetch(`${this.url}/state`)).text();
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await once(this.#process, 'close');
  }
}

export interface Ran {
  readonly code: number | null;
  readonly printed: string;
}

/** Runs a command to its end; what it prints is searched for secrets. */
export async function ran(
  command: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<Ran> {
  const [program, ...args] = command;
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      printed += String(chunk);
    });
  const [code] = await once(child, 'close');
  observe('recipe', printed);
  return { code, printed };
}
