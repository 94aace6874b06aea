import { createHash, createHmac } from 'node:crypto';
import { type Call, isObject, type Platform, type Reply, readObject } from './platform-server.ts';

interface Settings {
  /** Rows a request may hold at most. */
  readonly batchSize: number;
  readonly secret?: string;
}

/** An endpoint that stores rows by key, one table per activation, and refuses what breaks the documented form. */
export class WebhookPlatform implements Platform {
  readonly violations: string[] = [];
  /** activation → key as JSON → fields */
  readonly tables = new Map<string, Map<string, Record<string, unknown>>>();
  /** Keys whose row is refused, as JSON, with the row's own code. */
  readonly poison = new Set<string>();
  /** Keys for which the whole request is refused with 422, as endpoints without row errors do. */
  readonly poisonRequest = new Set<string>();
  /** How often each activation and key was inserted. */
  readonly inserts = new Map<string, number>();
  /** JSON text of each row as it stood in the request, to see how numbers were written. */
  lastBody = '';
  readonly #seen = new Map<string, string>();
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  table(activation: string): Record<string, Record<string, unknown>> {
    return Object.fromEntries([...(this.tables.get(activation) ?? new Map())].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  answer(call: Call): Reply {
    const problem = this.#problemOf(call);
    if (problem !== null) {
      this.violations.push(problem);
      return { status: 400, body: { error: problem } };
    }
    this.lastBody = call.body;
    const body = readObject(call.body) ?? {};
    const rows = body['rows'] as Record<string, unknown>[]; // held by #problemOf
    const keys = rows.map((row) => JSON.stringify(row['key']));
    if (keys.some((key) => this.poisonRequest.has(key))) return { status: 422, body: { error: 'cannot be processed' } };
    const activation = String(body['activation']);
    const table = this.tables.get(activation) ?? new Map<string, Record<string, unknown>>();
    this.tables.set(activation, table);
    const rejected: unknown[] = [];
    for (const [index, row] of rows.entries()) {
      const key = keys[index] ?? '';
      if (this.poison.has(key)) rejected.push({ key: row['key'], code: 'poison', message: 'this one never' });
      else if (body['operation'] === 'delete') table.delete(key);
      else table.set(key, row['fields'] as Record<string, unknown>);
      const count = `${activation} ${key}`;
      if (body['operation'] === 'insert') this.inserts.set(count, (this.inserts.get(count) ?? 0) + 1);
    }
    return { status: 200, body: rejected.length > 0 ? { rejected } : {} };
  }

  #problemOf(call: Call): string | null {
    if (call.method !== 'POST') return `${call.method} instead of POST`;
    if (!/^application\/json\b/.test(call.headers['content-type'] ?? '')) return 'not sent as application/json';
    const body = readObject(call.body);
    if (body === null) return 'body is no JSON object';
    const keys = Object.keys(body).sort().join();
    if (keys !== 'activation,operation,rows,sync_id') return `keys of the body: ${keys}`;
    return this.#problemOfRows(body) ?? this.#problemOfHeaders(call);
  }

  #problemOfRows(body: Record<string, unknown>): string | null {
    const { rows, operation } = body;
    if (!['insert', 'update', 'delete'].includes(String(operation))) return `operation ${String(operation)}`;
    if (!Array.isArray(rows) || rows.length === 0) return 'no rows';
    if (rows.length > this.#settings.batchSize) return `${rows.length} rows, more than batch_size`;
    const wanted = operation === 'delete' ? 'key' : 'fields,key';
    const odd = rows.find((row) => !isObject(row) || Object.keys(row).sort().join() !== wanted);
    if (odd !== undefined) return `a ${String(operation)} row with keys ${Object.keys(odd as object).join()}`;
    const keys = rows.map((row: Record<string, unknown>) => JSON.stringify(row['key']));
    if (keys.some((key) => key === 'null' || key === '')) return 'a row without key';
    return new Set(keys).size === keys.length ? null : 'one key twice in a request';
  }

  #problemOfHeaders(call: Call): string | null {
    const { secret } = this.#settings;
    if (secret !== undefined) {
      const signature = `sha256=${createHmac('sha256', secret).update(call.body).digest('hex')}`;
      if (call.headers['x-dinmo-signature'] !== signature) return 'wrong or missing signature';
    }
    const id = call.headers['idempotency-key'];
    if (typeof id !== 'string' || id === '') return 'no Idempotency-Key';
    const before = this.#seen.get(id);
    const content = createHash('sha256').update(call.body).digest('base64');
    this.#seen.set(id, content);
    return before === undefined || before === content ? null : `Idempotency-Key ${id} shared by two batches`;
  }
}
