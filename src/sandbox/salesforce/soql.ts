import { type Answer, jsonAnswer, type RequestContext, type SandboxRequest } from '../platform.ts';
import type { Org, OrgRecord } from './org.ts';
import { salesforceError } from './salesforce-answer.ts';

const ADDRESS_CHARACTERS_MAX = 16_384;
const PAGE_ROWS = 2_000;

interface Condition {
  readonly field: string;
  readonly values: readonly string[];
}

/** `GET query?q=`: SELECT fields FROM object WHERE field = literal or IN (literals), joined by AND, LIMIT. */
export function handleQuery(
  org: Org,
  rest: readonly string[],
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  const address = request.path.length + request.query.toString().length;
  if (address > ADDRESS_CHARACTERS_MAX) {
    context.violate('address-too-long', `${address} characters`);
    return salesforceError(414, 'URI_TOO_LONG', 'The address is too long');
  }
  const [, encoded, start = '0'] = /^(.*)-(\d+)$/.exec(rest[0] ?? '') ?? [];
  const soql = encoded === undefined ? (request.query.get('q') ?? '') : Buffer.from(encoded, 'base64url').toString();
  const query = /^SELECT ([\w, .]+?) FROM (\w+)(?: WHERE (.+?))?(?: LIMIT (\d+))?$/.exec(soql);
  if (query === null) return salesforceError(400, 'MALFORMED_QUERY', `unexpected token: ${soql.slice(0, 20)}`);
  const [, selected = '', object = '', where, limit] = query;
  if (org.schema.prefix(object) === null)
    return salesforceError(400, 'INVALID_TYPE', `sObject type '${object}' is not supported.`);
  const conditions = where === undefined ? [] : readConditions(where);
  if (conditions === null) return salesforceError(400, 'MALFORMED_QUERY', 'the condition cannot be read');
  const fields = selected.split(',').map((name) => name.trim());
  const unknown = [...fields, ...conditions.map(({ field }) => field)].find(
    (name) => org.schema.field(object, name) === null,
  );
  if (unknown !== undefined)
    return salesforceError(400, 'INVALID_FIELD', `No such column '${unknown}' on entity '${object}'.`);
  const found = select(org, object, conditions).slice(0, limit === undefined ? undefined : Number(limit));
  const page = found.slice(Number(start), Number(start) + PAGE_ROWS);
  const next = Number(start) + PAGE_ROWS;
  const isDone = next >= found.length;
  const locator = `${Buffer.from(soql).toString('base64url')}-${next}`;
  return jsonAnswer(200, {
    totalSize: found.length,
    done: isDone,
    ...(isDone ? {} : { nextRecordsUrl: `/services/data/v67.0/query/${locator}` }),
    records: page.map((record) => describe(record, fields)),
  });
}

function readConditions(where: string): readonly Condition[] | null {
  const conditions: Condition[] = [];
  const one =
    /(\w+) (?:= ('(?:[^'\\]|\\.)*'|[\w.-]+)|IN \(((?:'(?:[^'\\]|\\.)*'|[\w.-]+)(?:,(?:'(?:[^'\\]|\\.)*'|[\w.-]+))*)\))(?: AND |$)/y;
  while (one.lastIndex < where.length) {
    const found = one.exec(where);
    if (found === null) return null;
    const [, field = '', single, list] = found;
    const literals = (single ?? list ?? '').match(/'(?:[^'\\]|\\.)*'|[\w.-]+/g) ?? [];
    conditions.push({ field, values: literals.map(readLiteral) });
  }
  return conditions;
}

function readLiteral(literal: string): string {
  if (!literal.startsWith("'")) return literal;
  const plain: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return literal.slice(1, -1).replaceAll(/\\(.)/g, (_, character: string) => plain[character] ?? character);
}

function select(org: Org, object: string, conditions: readonly Condition[]): readonly OrgRecord[] {
  const [first, ...rest] = conditions;
  const all =
    first === undefined || first.field === 'IsConverted'
      ? org.ofObject(object)
      : [...new Set(first.values.flatMap((value) => org.find(object, first.field, value)))];
  const others = first?.field === 'IsConverted' ? conditions : rest;
  return all.filter((record) =>
    others.every(({ field, values }) => {
      const held = (
        field === 'Id' ? record.id : (record.fields.get(field) ?? (field === 'IsConverted' ? 'false' : ''))
      ).toLowerCase();
      return values.some((value) => value.toLowerCase() === held);
    }),
  );
}

function describe(record: OrgRecord, fields: readonly string[]): Readonly<Record<string, unknown>> {
  const date = new Date(record.createdAt).toISOString().replace('Z', '+0000');
  const system: Readonly<Record<string, string>> = { Id: record.id, CreatedDate: date, SystemModstamp: date };
  const values = fields.map((name) => [name, system[name] ?? record.fields.get(name) ?? null]);
  const url = `/services/data/v67.0/sobjects/${record.object}/${record.id}`;
  return { attributes: { type: record.object, url }, ...Object.fromEntries(values) };
}
