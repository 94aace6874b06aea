import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, parse, resolve } from 'node:path';
import { DinmoError } from '../errors.ts';
import { nearest } from '../finding.ts';
import { registerSecret } from '../log.ts';
import { dbtVariable, type Environment, JinjaEnvironment, MissingVariableError } from './environment.ts';
import { renderJinja, renderJinjaDeep } from './jinja.ts';
import { JinjaError } from './jinja-expression.ts';
import { type Loose, mapAt, readText } from './json-file.ts';
import { isMap } from './shape.ts';
import { parseYaml11 } from './yaml-file.ts';

/** The target that dbt would use, rendered. Values of secrets are registered with the log's mask when it is read. */
export interface Profile {
  readonly file: string;
  readonly profileName: string;
  readonly targetName: string;
  /** Every target of the profile, by name. */
  readonly targetNames: readonly string[];
  /** `duckdb`, `bigquery`, `snowflake`, `postgres` … */
  readonly type: string;
  readonly schema: string;
  readonly database: string | null;
  /** The output's fields, rendered. Relative paths are relative to `projectDir`'s working directory as dbt has it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What decides which profile and target are used, in dbt's own order: flags, then DBT_ENGINE_X, then DBT_X, then the files. */
export interface ProfileOptions {
  readonly profilesDir?: string | undefined;
  readonly profile?: string | undefined;
  readonly target?: string | undefined;
  /** `--vars`, parsed. */
  readonly vars: Readonly<Record<string, unknown>>;
  readonly env: Environment;
  /** The folder in which the command was started: dbt looks there first. */
  readonly cwd: string;
  readonly projectDir: string;
  /** `profile:` of dbt_project.yml. */
  readonly projectProfile: string | null;
}

const FILE = 'profiles.yml';
const SECRET_FIELD =
  /pass(?:word|phrase)?$|private_key(?!_path|_file|_id)|secret|token(?!_uri|_endpoint|_url)|keyfile_json|credential|api_?key|access_key|connection_string/i;

/**
 * Reads the profile that dbt would use, and renders the selected output only: others may name variables that are not set.
 * Values of secret fields are registered with the log's mask.
 * Throws DinmoError (configuration) `profile-file-missing`, `profile-file-unreadable`, `profile-unnamed`, `profile-not-found`,
 * `profile-target-not-found`, `profile-variable-missing`, `profile-jinja`, `profile-invalid`.
 */
export function readProfile(options: ProfileOptions): Profile {
  const file = findProfilesFile(options);
  const profiles = readProfiles(file);
  const jinja = new JinjaEnvironment(options.env, options.vars);
  const profileName = options.profile ?? dbtVariable(options.env, 'PROFILE') ?? options.projectProfile;
  if (profileName === null) {
    const fix = 'Add `profile:` to dbt_project.yml, or name one with --profile.';
    throw failure('profile-unnamed', 'No profile is named.', fix);
  }
  const profile = profiles[profileName];
  const names = Object.keys(profiles).filter((name) => name !== 'config');
  if (!isMap(profile)) {
    throw failure(
      'profile-not-found',
      `${file} has no profile \`${profileName}\`.`,
      choose(profileName, names, '--profile'),
    );
  }
  const outputs = mapAt(profile, 'outputs');
  const targetNames = Object.keys(outputs);
  const targetName = findTarget(profile, { options, jinja, file });
  const output = outputs[targetName];
  if (!isMap(output)) {
    const message = `The profile \`${profileName}\` of ${file} has no target \`${targetName}\`.`;
    throw failure('profile-target-not-found', message, choose(targetName, targetNames, '--target'));
  }
  const fields = renderOutput(output, { jinja, where: `target \`${targetName}\` in ${file}` });
  const type = fields['type'];
  if (typeof type !== 'string' || type === '') {
    const message = `The target \`${targetName}\` of ${file} has no \`type\`.`;
    throw failure('profile-invalid', message, 'Add `type: duckdb` (or bigquery, snowflake, postgres).');
  }
  registerSecrets(fields, false);
  return { file, profileName, targetName, targetNames, type, ...place(type, fields), fields };
}

/** `--profiles-dir`, environment, the working directory when it has the file, `~/.dbt`; last the project, where dbt itself would give up. */
function findProfilesFile(options: ProfileOptions): string {
  const stated = options.profilesDir ?? dbtVariable(options.env, 'PROFILES_DIR');
  const home = options.env['HOME'] ?? options.env['USERPROFILE'] ?? homedir();
  const folders =
    stated === null
      ? [options.cwd, join(home, '.dbt'), options.projectDir]
      : [resolve(options.cwd, stated.replace(/^~(?=$|[\\/])/, home))];
  const found = folders.map((folder) => join(folder, FILE)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const message = `There is no ${FILE} in ${[...new Set(folders)].join(', ')}.`;
  throw failure('profile-file-missing', message, 'Name its folder with --profiles-dir.');
}

function readProfiles(file: string): Loose {
  let profiles: unknown;
  try {
    profiles = parseYaml11(readText(file));
  } catch {
    // The parser's message quotes the line, which may hold a password.
    throw failure('profile-file-unreadable', `${file} is not valid YAML.`, 'Correct it; `dbt debug` must accept it.');
  }
  if (isMap(profiles)) return profiles;
  throw failure('profile-file-unreadable', `${file} holds no profiles.`, 'Correct it; `dbt debug` must accept it.');
}

function findTarget(
  profile: Loose,
  {
    options,
    jinja,
    file,
  }: { readonly options: ProfileOptions; readonly jinja: JinjaEnvironment; readonly file: string },
): string {
  const stated = options.target ?? dbtVariable(options.env, 'TARGET');
  if (stated !== null) return stated;
  const written = profile['target'];
  if (written === undefined || written === null) return 'default';
  if (typeof written !== 'string') return scalarText(written);
  return scalarText(jinja.reveal(renderField(written, { jinja, where: `\`target\` in ${file}` })));
}

interface Rendering {
  readonly jinja: JinjaEnvironment;
  /** In a reader's words. */
  readonly where: string;
}

function renderOutput(output: Loose, { jinja, where }: Rendering): Loose {
  const rendered = renderJinjaDeep(output, (text, at) => {
    const isSecret = at.some((key) => SECRET_FIELD.test(key));
    let value: unknown;
    try {
      value = jinja.reveal(renderField(text, { jinja, where: `\`${at.join('.')}\` of ${where}` }));
    } catch (error) {
      // As in dbt 1.x: a password may hold braces that are no Jinja.
      const isPlainPassword = at.at(-1) === 'password' && !/env_var|var\s*\(/.test(text);
      if (!isPlainPassword) throw error;
      value = text;
    }
    const used = jinja.takeUsed();
    if (isSecret) for (const secret of used) registerSecret(secret);
    return value;
  });
  return isMap(rendered) ? rendered : {};
}

function renderField(text: string, { jinja, where }: Rendering): unknown {
  try {
    return renderJinja(text, jinja.functions);
  } catch (error) {
    if (error instanceof MissingVariableError) {
      const fix = `Set ${error.variable}, or give it a default.`;
      throw failure('profile-variable-missing', `In ${where}, ${error.message}.`, fix);
    }
    if (!(error instanceof JinjaError)) throw error;
    const fix =
      "Use env_var('X'), var('x'), text, `~`, `a if b else c` and the filters as_number, as_bool, as_text, default, upper, lower, trim.";
    throw failure('profile-jinja', `The Jinja in ${where} cannot be rendered: ${error.message}.`, fix);
  }
}

function registerSecrets(value: unknown, isSecret: boolean): void {
  if (typeof value === 'string') {
    if (isSecret) registerLines(value);
    else for (const [, token] of value.matchAll(/(?:token|password|secret)=([^&;\s]+)/gi)) registerSecret(token ?? '');
  } else if (typeof value === 'number') {
    if (isSecret) registerSecret(String(value));
  } else if (Array.isArray(value)) for (const item of value) registerSecrets(item, isSecret);
  else if (isMap(value)) {
    for (const [key, inner] of Object.entries(value)) {
      // Containers such as `secrets:` hold regions and names too: there each key decides for itself.
      registerSecrets(inner, SECRET_FIELD.test(key) && !isMap(inner) && !Array.isArray(inner));
    }
  }
}

/** A private key is masked as a whole and line by line, since drivers quote single lines. */
function registerLines(secret: string): void {
  registerSecret(secret);
  const lines = secret.split(/\r?\n|\\n/);
  if (lines.length === 1) return;
  registerSecret(lines.join('\n'));
  for (const line of lines) if (line.length >= 16 && !line.startsWith('-----')) registerSecret(line.trim());
}

function place(type: string, fields: Loose): { readonly schema: string; readonly database: string | null } {
  const first = (...keys: readonly string[]): string | null => {
    const value = keys.map((key) => fields[key]).find((candidate) => candidate !== undefined && candidate !== null);
    return value === undefined ? null : scalarText(value);
  };
  const schema = first('schema', 'dataset') ?? (type === 'duckdb' ? 'main' : '');
  const database = first('database', 'dbname', 'project', 'catalog');
  if (database !== null || type !== 'duckdb') return { schema, database };
  const path = first('path') ?? ':memory:';
  return { schema, database: path === ':memory:' ? 'memory' : parse(path.replace(/^md:([^?]*).*$/, '$1')).name };
}

/** A setting that is one value as text; what is none (a list, a map) names nothing. */
function scalarText(value: unknown): string {
  return typeof value === 'object' && value !== null ? '' : String(value);
}

function choose(wanted: string, names: readonly string[], option: string): string {
  const near = nearest(wanted, names);
  if (near !== null) return `Did you mean \`${near}\`?`;
  return names.length === 0 ? 'Add it to the file.' : `Choose with ${option}: ${names.join(', ')}.`;
}

function failure(code: string, message: string, fix: string): DinmoError {
  return new DinmoError({ kind: 'configuration', code, message, fix });
}
