import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import type { ClosableHttpClient, HttpClient, HttpRequest } from '../../src/destinations/http.ts';

/** The requests of a vendor's published contract, reduced to what we call; `contract-fixture/requests.json` of a platform. */
interface Published {
  /** Where it is from, and under which licence it may be kept here. */
  readonly source: string;
  readonly licence: string;
  /** The version of the API that it describes, as in its paths or its revision header. */
  readonly version: string;
  readonly operations: readonly Operation[];
  readonly $defs: Readonly<Record<string, object>>;
}

interface Operation {
  readonly method: string;
  /** As `/api/lists/{id}`. */
  readonly path: string;
  /** Names of the query parameters. */
  readonly query: readonly string[];
  readonly body?: object;
}

export interface Contract {
  readonly version: string;
  /** What is wrong with a request: method and path, query, names and types and choices of the body. Empty when nothing is. */
  faultsOf(request: HttpRequest): readonly string[];
  /** The client, whose requests are all held against the contract; `breaches` tells what was wrong. */
  watch<Client extends HttpClient | ClosableHttpClient>(client: Client): Client;
  /** What was wrong with the requests that were watched since it was last asked. */
  breaches(): readonly string[];
}

export interface ContractOptions {
  /** The version that the code calls, where the published contract is of another one. */
  readonly version?: string;
  /** Members that it calls required and we leave out knowingly: as `BatchGetParams.propertiesWithHistory`. */
  readonly optional?: readonly string[];
}

export function readContract(platform: string, options: ContractOptions = {}): Contract {
  // A file of this repository, in the shape above.
  const published = JSON.parse(
    readFileSync(new URL(`./${platform}/contract-fixture/requests.json`, import.meta.url), 'utf8'),
  ) as Published;
  const { version } = published;
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false });
  const $defs = relax(published.$defs, options.optional ?? []);
  const operations = published.operations.map((operation) => {
    const path = operation.path.replace(version, options.version ?? version);
    let compiled: ValidateFunction | undefined;
    const validate = (body: unknown): string | null => {
      if (operation.body === undefined) return 'a body where none belongs';
      compiled ??= ajv.compile({ ...operation.body, $defs });
      return compiled(body) ? null : ajv.errorsText(compiled.errors);
    };
    return { ...operation, name: `${operation.method} ${path}`, pattern: patternOf(platform, path), validate };
  });
  let breaches: string[] = [];
  const faultsOf = (request: HttpRequest): readonly string[] => {
    const { pathname, searchParams } = new URL(request.url);
    const found = operations.find(({ method, pattern }) => method === request.method && pattern.test(pathname));
    if (found === undefined) return [`no operation ${request.method} ${pathname}`];
    const unknown = [...searchParams.keys()].filter((name) => !found.query.includes(name));
    const query = unknown.map((name) => `${found.name}: unknown parameter ${name}`);
    if (request.body === undefined) return found.body === undefined ? query : [...query, `${found.name}: no body`];
    const fault = found.validate(JSON.parse(String(request.body)));
    return fault === null ? query : [...query, `${found.name}: ${fault}`];
  };
  return {
    version,
    faultsOf,
    watch: (client) => ({
      ...client,
      request: (request: HttpRequest) => {
        breaches.push(...faultsOf(request));
        return client.request(request);
      },
    }),
    breaches: () => {
      const found = breaches;
      breaches = [];
      return found;
    },
  };
}

function relax($defs: Published['$defs'], optional: readonly string[]): Published['$defs'] {
  const relaxed = Object.entries($defs).map(([name, schema]) => {
    if (!('required' in schema) || !Array.isArray(schema.required)) return [name, schema];
    return [name, { ...schema, required: schema.required.filter((member) => !optional.includes(`${name}.${member}`)) }];
  });
  return Object.fromEntries(relaxed);
}

/** The simulated platforms stand under `/{platform}/{destination}`. */
function patternOf(platform: string, path: string): RegExp {
  const literals = path.split(/\{[^}]+\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&'));
  return new RegExp(`^(?:/${platform}/[^/]+)?${literals.join('[^/]+')}$`);
}
