import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  assessImpact,
  generateModels,
  type ImpactOptions,
  type ImpactReport,
  syncActivations,
} from '../../../src/index.ts';
import { SmallDbt, type SmallTarget } from './small-dbt.ts';

const CUSTOMERS = `select * from (values
  (1, 'ann@example.com', 'FR', 900, '+33 1'), (2, 'bob@example.com', 'FR', 100, null),
  (3, 'cid@example.com', 'FR', 700, '+33 3'), (4, 'dan@example.com', 'BE', 800, null),
  (5, 'eve@example.com', 'BE', 50, '+32 5'), (6, 'fay@example.com', 'DE', 950, null)
) as rows (customer_id, email, country, spend, phone)
`;

const SCHEMA = `models:
  - name: customers
    config:
      meta:
        dinmo:
          entity:
            name: customer
            type: dimension
            class: customers
            activations:
              contacts:
                to: contacts
                operations: [insert, update, delete]
                mapping: {email: email, spend: spend}
    columns:
      - {name: customer_id, data_type: integer, data_tests: [unique, not_null]}
      - name: email
        data_type: varchar
        config: {meta: {dinmo: {identifier: email}}}
      - {name: country, data_type: varchar}
      - {name: spend, data_type: integer}
      - {name: phone, data_type: varchar}
`;

const SEGMENTS = `segments:
  french:
    entity: customer
    where: {attribute: country, eq: FR}
    activations:
      lists:
        attempts: 5
  loyal:
    entity: customer
    where:
      all:
        - {attribute: spend, gte: 500}
        - {attribute: country, in: [FR, BE, DE]}
    activations:
      contacts:
        operations: [insert, update, delete]
        mapping: {email: email, spend: spend, tier: {value: gold}}
  idle:
    entity: customer
    where: {segment: french}
`;

const SETTINGS = `version: 1
targets: [prod]
destinations:
  lists:
    platform: files
    service: audiences
    config: {path: OUT/lists, format: jsonl}
    guards: {max_delete_percent: 20, min_delete_rows: 0}
  contacts:
    platform: files
    service: objects
    config: {path: OUT/contacts, format: jsonl}
    guards: {max_delete_percent: 100}
`;

/** A project on its base branch, synced to production once, and a branch of it to be edited. */
export class ImpactWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'dinmo-impact-'));
  readonly base = join(this.folder, 'base');
  readonly branch = join(this.folder, 'branch');
  readonly #profile: string;

  /** `outputs`: the target of production and that of CI, as profiles.yml has them. */
  constructor(outputs: { readonly prod: string; readonly ci: string }) {
    this.#profile = `shop:\n  target: prod\n  outputs:\n    prod: ${outputs.prod}\n    ci: ${outputs.ci}\n`;
    const files = {
      'dbt_project.yml': 'name: shop\nversion: "1.0"\nprofile: shop\n',
      'dinmo.yml': SETTINGS.replaceAll('OUT', join(this.folder, 'out')),
      'dinmo/segments.yml': SEGMENTS,
      'models/customers.sql': CUSTOMERS,
      'models/schema.yml': SCHEMA,
      'profiles.yml': this.#profile,
    };
    for (const [path, text] of Object.entries(files)) this.write(this.base, path, text);
  }

  write(dir: string, path: string, text: string): void {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }

  /** Changes a file of the branch; the text has to be there. */
  edit(path: string, from: string, to: string): void {
    const text = readFileSync(join(this.branch, path), 'utf8');
    if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
    this.write(
      this.branch,
      path,
      text.replace(from, () => to),
    );
  }

  /** `dbt parse`, `dinmo generate`, `dbt parse`. */
  async parse(dir: string, target: SmallTarget, name = 'prod'): Promise<void> {
    const dbt = new SmallDbt(dir);
    dbt.parse(target);
    const report = await generateModels({ projectDir: dir, target: name, env: {}, cwd: dir });
    if (report.exitCode !== 0) throw new Error(JSON.stringify([report.findings, report.refused]));
    dbt.parse(target);
  }

  /** The branch begins as a copy of the base. */
  fork(): void {
    rmSync(this.branch, { recursive: true, force: true });
    cpSync(this.base, this.branch, { recursive: true });
  }

  async sync(): Promise<void> {
    const report = await syncActivations({
      projectDir: this.base,
      target: 'prod',
      env: {},
      cwd: this.base,
      noGate: true,
    });
    if (report.exitCode !== 0) throw new Error(JSON.stringify([report.activations, report.error]));
  }

  async impact(options: Partial<ImpactOptions> = {}): Promise<ImpactReport> {
    return await assessImpact({
      projectDir: this.branch,
      target: 'ci',
      state: this.base,
      env: {},
      cwd: this.branch,
      ...options,
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
