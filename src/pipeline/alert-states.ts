import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Ledger } from '../record/ledger.ts';
import type { AlertState } from '../report/alerts.ts';
import type { ActivationResult } from './verdict.ts';

/** Another sync has the activation: whoever that is tells how it went. */
const OTHERS: readonly string[] = ['activation-locked', 'lease-lost', 'run-closed'];

/** How an activation is after this command; null where that is not known: nothing was meant to run, or another sync has it. */
export function alertStateOf({ report, detail }: ActivationResult): AlertState | null {
  switch (report.status) {
    case 'succeeded':
      return 'ok';
    case 'failed':
      return 'failed';
    case 'partial':
      // Else the command was interrupted before its turn came.
      return report.planned === null ? null : 'partial';
    case 'blocked':
      return OTHERS.includes(detail.code ?? '') ? null : 'blocked';
    default:
      return null;
  }
}

const PREFIX = 'alert:';

/** What each receiver was told last of each activation: rows of `facts` in delta storage. */
export class ToldStates {
  readonly #ledger: Ledger;
  readonly #told: ReadonlyMap<string, AlertState>;

  private constructor(ledger: Ledger, told: ReadonlyMap<string, AlertState>) {
    this.#ledger = ledger;
    this.#told = told;
  }

  static async read(ledger: Ledger): Promise<ToldStates> {
    const rows = await ledger.warehouse.query(
      `select name, value from ${ledger.sql('facts')} where name like '${PREFIX}%'`,
    );
    return new ToldStates(ledger, new Map(rows.map((row) => [String(row['name']), state(row['value'])])));
  }

  /** `ok` where nothing was told yet. */
  of(alert: string, activation: string): AlertState {
    return this.#told.get(nameOf(alert, activation)) ?? 'ok';
  }

  /** Writes down what a receiver knows now. */
  async tell(alert: string, states: ReadonlyMap<string, AlertState>): Promise<void> {
    const changed = [...states].filter(([activation, now]) => this.of(alert, activation) !== now);
    if (changed.length === 0) return;
    await this.#ledger.transaction(async () => {
      const names = changed.map(([activation]) => this.#ledger.text(nameOf(alert, activation)));
      await this.#ledger.warehouse.run(`delete from ${this.#ledger.sql('facts')} where name in (${names.join(', ')})`);
      for (const [activation, now] of changed)
        if (now !== 'ok') await this.#ledger.insert('facts', { name: nameOf(alert, activation), value: now });
    });
  }
}

function nameOf(alert: string, activation: string): string {
  return `${PREFIX}${alert}:${activation}`;
}

function state(value: unknown): AlertState {
  return value === 'failed' || value === 'partial' || value === 'blocked' ? value : 'ok';
}

/**
 * What each receiver was told last of commands that stopped before any activation, when there is no warehouse to keep it in:
 * `target/dinmo/alerts.json` of the dbt project, receiver → code of the error. Where that folder does not last, the same
 * failure is told again by each command.
 */
export class ToldFailures {
  readonly #file: string;
  readonly #told: Record<string, string>;

  constructor(projectDir: string) {
    this.#file = join(projectDir, 'target', 'dinmo', 'alerts.json');
    this.#told = readTold(this.#file);
  }

  /** The code that was told; null: the last command got through. */
  of(receiver: string): string | null {
    return this.#told[receiver] ?? null;
  }

  /** Throws what the file system throws. */
  tell(receiver: string, code: string | null): void {
    if (this.of(receiver) === code) return;
    if (code === null) delete this.#told[receiver];
    else this.#told[receiver] = code;
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, `${JSON.stringify(this.#told, null, 2)}\n`);
  }
}

function readTold(file: string): Record<string, string> {
  try {
    const told: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof told !== 'object' || told === null || Array.isArray(told)) return {};
    return Object.fromEntries(
      Object.entries(told).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return {};
  }
}
