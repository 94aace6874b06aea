/**
 * The shape of the code as data and pure functions: `architecture.test.ts` holds the sources against it, and holds the
 * checker itself against planted faults.
 */

/** Rooms in the order in which data flows: a file imports its own room and earlier ones. */
export const ROOMS = [
  'errors',
  'finding',
  'log',
  'clock',
  'about',
  'telemetry',
  'artifacts',
  'knowledge',
  'warehouse',
  'segment',
  'models',
  'checks',
  'diff',
  'destinations',
  'delivery',
  'record',
  'report',
  'pipeline',
  'index',
  'sandbox',
  'listen',
  'studio',
  'cli',
] as const;
export type Room = (typeof ROOMS)[number];

const FOUNDATION: readonly Room[] = ['errors', 'finding', 'log', 'clock', 'about'];

/** Rooms that are narrower than the order: the only rooms that they may import beside their own. */
const ONLY: Partial<Record<Room, { readonly rooms: readonly Room[]; readonly why: string }>> = {
  sandbox: {
    rooms: [...FOUNDATION],
    why: 'the sandbox is the other side: sharing code with us, it would repeat our mistakes',
  },
  listen: {
    rooms: [...FOUNDATION, 'artifacts', 'record'],
    why: 'the listener takes events and starts syncs as processes: one that fails never takes it along',
  },
  cli: {
    rooms: [...FOUNDATION, 'telemetry', 'report', 'index', 'sandbox', 'listen'],
    why: 'commands go through the public API',
  },
  studio: { rooms: [...FOUNDATION, 'index'], why: 'the web application goes through the public API' },
};

/** Rooms whose folders are plug-ins: one does not know another, and only this file of the room opens them. */
const OPENERS: Readonly<Record<string, string>> = {
  warehouse: 'warehouse/registry.ts',
  destinations: 'destinations/registry.ts',
  sandbox: 'sandbox/platforms.ts',
};

/** Where a package may be imported, as the start of a path in src/. Packages not listed are free. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@duckdb/node-api': ['warehouse/duckdb/', 'destinations/files/', 'destinations/sql/'],
  '@google-cloud/bigquery': ['warehouse/bigquery/'],
  'snowflake-sdk': ['warehouse/snowflake/'],
  pg: ['warehouse/postgres/', 'destinations/sql/'],
  '@aws-sdk/client-s3': ['destinations/files/'],
  ssh2: ['destinations/files/'],
  undici: ['destinations/http'],
  'libphonenumber-js': ['destinations/'],
  'p-queue': ['delivery/'],
  '@opentelemetry/api': ['telemetry/'],
  '@opentelemetry/sdk-node': ['telemetry/'],
  commander: ['cli/'],
  execa: ['cli/', 'pipeline'],
  yaml: ['artifacts/', 'models/', 'cli/'],
  'node:http': ['sandbox/', 'listen/', 'studio/', 'cli/'],
};

const FORBIDDEN_NAMES = /(^|[-_.])(utils?|utl|helpers?|commons?|misc|libs?|shared|managers?|services)([-_.]|$)/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;
export const FILE_LINES_MAX = 400;

/** A source file; `path` counts from src/, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

interface Import {
  readonly target: string;
  readonly line: number;
}

/** Comments give way to spaces, so that lines keep their numbers and an example in a comment is no import. */
function withoutComments(text: string): string {
  return text.replace(
    /(['"`])(?:\\.|(?!\1)[^\\])*?\1|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (found, quote: string | undefined) => (quote === undefined ? found.replace(/[^\n]/g, ' ') : found),
  );
}

/** Imports and re-exports of any kind: of values, of types, for effect, dynamic, `typeof import(…)`. */
export function importsOf(text: string): readonly Import[] {
  const code = withoutComments(text);
  const patterns = [
    /^[ \t]*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^[ \t]*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
    /\brequire\s*\(\s*['"]([^'"]+)['"]/g,
  ];
  return patterns.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({
      target: match[1] ?? '',
      line: code.slice(0, match.index + match[0].length).split('\n').length,
    })),
  );
}

/** The path that a relative import means, counted from src/. */
function resolveImport(from: string, target: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The first part of a path in src/: a folder, or a file at the root. */
function roomOf(path: string): Room | null {
  const name = (path.split('/')[0] ?? '').replace(/\.ts$/, '');
  return ROOMS.find((room) => room === name) ?? null;
}

/** The plug-in folder that a file stands in: `destinations/meta`; null outside. */
function pluginOf(path: string): string | null {
  const [family = '', folder = '', ...rest] = path.split('/');
  return rest.length > 0 && family in OPENERS ? `${family}/${folder}` : null;
}

function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

function checkRooms(from: string, to: string): string | null {
  const fromRoom = roomOf(from);
  const toRoom = roomOf(to);
  if (fromRoom === null || toRoom === null) return `${to} stands in no room; the rooms are ${ROOMS.join(', ')}`;
  if (fromRoom === toRoom) return null;
  if (ROOMS.indexOf(toRoom) > ROOMS.indexOf(fromRoom)) {
    return `imports ${to}: ${toRoom} comes after ${fromRoom}, and data flows one way`;
  }
  const only = ONLY[fromRoom];
  if (only !== undefined && !only.rooms.includes(toRoom)) return `imports ${to}: ${only.why}`;
  return null;
}

function checkPlugins(from: string, to: string): string | null {
  const [own, other] = [pluginOf(from), pluginOf(to)];
  if (other === null || own === other) return null;
  const family = other.split('/')[0] ?? '';
  if (own?.startsWith(`${family}/`)) return `imports ${to}: a plug-in does not know its sisters`;
  if (from === OPENERS[family]) return null;
  return `imports ${to}: only ${OPENERS[family]} opens a plug-in`;
}

function checkPackage(from: string, target: string): string | null {
  const name = packageOf(target);
  const allowed = PACKAGES[name];
  if (allowed === undefined || allowed.some((start) => from.startsWith(start))) return null;
  return `imports ${name}, which belongs in ${allowed.join(' and ')} only`;
}

function checkImports(source: Source): readonly Violation[] {
  return importsOf(source.text).flatMap(({ target, line }) => {
    if (!target.startsWith('.')) {
      const message = checkPackage(source.path, target);
      return message === null ? [] : [{ path: source.path, line, message }];
    }
    const to = resolveImport(source.path, target);
    const message = checkRooms(source.path, to) ?? checkPlugins(source.path, to);
    return message === null ? [] : [{ path: source.path, line, message }];
  });
}

function checkNames(path: string): readonly Violation[] {
  return path.split('/').flatMap((part) => {
    const name = part.replace(/\.ts$/, '');
    if (FORBIDDEN_NAMES.test(name)) {
      return [{ path, line: 1, message: `"${part}" says nothing: name it after what it works on` }];
    }
    return KEBAB.test(part) ? [] : [{ path, line: 1, message: `"${part}" is not kebab-case` }];
  });
}

function checkText({ path, text }: Source): readonly Violation[] {
  const violations: Violation[] = [];
  const lines = text.trimEnd().split('\n').length;
  if (lines > FILE_LINES_MAX) {
    violations.push({ path, line: FILE_LINES_MAX, message: `has ${lines} lines; ${FILE_LINES_MAX} is the limit` });
  }
  const code = withoutComments(text);
  const found: readonly (readonly [RegExp, string])[] = [
    [/^export\s+default\b/m, 'has a default export: exports have names'],
    [/(?<![.\w])fetch\s*\(/, 'calls the global fetch: requests go through the HTTP client of destinations'],
    [/\bprocess\.exit\s*\(/, 'ends the process: set the exit code, so that what is open is closed'],
  ];
  for (const [pattern, message] of found) {
    const index = code.search(pattern);
    if (index >= 0) violations.push({ path, line: code.slice(0, index).split('\n').length, message });
  }
  return violations;
}

/** Everything that is wrong with the shape of these sources, in their order. */
export function findViolations(sources: readonly Source[]): readonly Violation[] {
  return sources.flatMap((source) => [...checkNames(source.path), ...checkImports(source), ...checkText(source)]);
}
