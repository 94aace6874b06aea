import { readFileSync } from 'node:fs';
import type { HttpRequest } from '../../../src/destinations/http.ts';

/** What the document says of a value, as far as requests need it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly readOnly?: boolean;
}

interface Method {
  readonly httpMethod: string;
  readonly path: string;
  readonly flatPath?: string;
  readonly parameters?: Readonly<Record<string, Schema & { readonly location: string }>>;
  readonly request?: Schema;
}

interface Resource {
  readonly methods?: Readonly<Record<string, Method>>;
  readonly resources?: Readonly<Record<string, Resource>>;
}

interface Discovery extends Resource {
  readonly schemas: Readonly<Record<string, Schema>>;
}

// Google's own file, of a pinned revision: its shape is what the document format says.
const discovery = JSON.parse(
  readFileSync(new URL('./fixtures/datamanager.v1.json', import.meta.url), 'utf8'),
) as Discovery;

const methods = methodsOf(discovery);

function methodsOf({ methods: own, resources }: Resource): readonly Method[] {
  return [...Object.values(own ?? {}), ...Object.values(resources ?? {}).flatMap(methodsOf)];
}

/** What is wrong with a request by Google's discovery document: path, query, names, types, enums. Empty when nothing is. */
export function faultsOf(request: HttpRequest): readonly string[] {
  const url = new URL(request.url);
  const method = methods.find(
    (one) => one.httpMethod === request.method && patternOf(one.flatPath ?? one.path).test(url.pathname.slice(1)),
  );
  if (method === undefined) return [`no method ${request.method} ${url.pathname}`];
  const known = Object.entries(method.parameters ?? {}).filter(([, { location }]) => location === 'query');
  const unknown = [...url.searchParams.keys()].filter((name) => !known.some(([one]) => one === name));
  const query = unknown.map((name) => `unknown parameter ${name}`);
  if (request.body === undefined) return method.request === undefined ? query : [...query, 'no body'];
  return [...query, ...check(JSON.parse(String(request.body)), method.request ?? {}, 'body')];
}

function patternOf(path: string): RegExp {
  const escaped = path.split(/\{[^}]+\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('[^/]+')}$`);
}

function check(value: unknown, schema: Schema, at: string): readonly string[] {
  const {
    enum: choices,
    items,
    properties,
    type,
  } = schema.$ref === undefined ? schema : (discovery.schemas[schema.$ref] ?? {});
  if (type === 'array') {
    if (!Array.isArray(value)) return [`${at} is no array`];
    return value.flatMap((item, index) => check(item, items ?? {}, `${at}[${index}]`));
  }
  if (type === 'object') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at} is no object`];
    return Object.entries(value).flatMap(([name, member]) => {
      const known = properties?.[name];
      if (known === undefined) return [`${at} has an unknown ${name}`];
      return known.readOnly === true ? [`${at}.${name} is read only`] : check(member, known, `${at}.${name}`);
    });
  }
  const isType = type === 'number' || type === 'integer' ? typeof value === 'number' : typeof value === type;
  if (!isType) return [`${at} is no ${type}`];
  return choices === undefined || choices.includes(String(value)) ? [] : [`${at} is none of ${choices.join(', ')}`];
}
