import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { registerSecret } from '../log.ts';
import { JinjaError, type JinjaFunctions } from './jinja-expression.ts';
import { readText } from './json-file.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const SECRET_PREFIX = 'DBT_ENV_SECRET_';

/** dbt's own variable `DBT_ENGINE_<name>`, else `DBT_<name>`; null when neither is set. dbt 1.11 and later prefer the first. */
export function dbtVariable(env: Environment, name: string): string | null {
  return env[`DBT_ENGINE_${name}`] || env[`DBT_${name}`] || null;
}

/** The environment with the `.env` of a folder behind it: dbt 2 reads it from the working directory, and the shell wins. */
export function withDotenv(env: Environment, cwd: string): Environment {
  const path = join(cwd, '.env');
  if (!existsSync(path)) return env;
  try {
    return { ...parseDotenv(readText(path)), ...definedOnly(env) };
  } catch {
    return env;
  }
}

function definedOnly(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}

function parseDotenv(text: string): Readonly<Record<string, string>> {
  const line = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.]*)[ \t]*=[ \t]*(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\r\n]*))/gm;
  const variables: Record<string, string> = {};
  for (const [, name, single, double, bare] of text.matchAll(line)) {
    if (name === undefined) continue;
    const plain = bare?.replace(/(^|\s)#.*$/, '').trim();
    variables[name] = single ?? double?.replace(/\\(.)/gs, (_, c: string) => (c === 'n' ? '\n' : c)) ?? plain ?? '';
  }
  return variables;
}

/** A variable that is not set and has no default. */
export class MissingVariableError extends JinjaError {
  readonly variable: string;

  constructor(variable: string, kind: 'environment variable' | 'variable') {
    super(`the ${kind} ${variable} is not set`);
    this.variable = variable;
  }
}

/** `env_var` and `var` as dbt has them in profiles, with the values that were used. */
export class JinjaEnvironment {
  readonly functions: JinjaFunctions;
  readonly #env: Environment;
  readonly #used = new Set<string>();

  constructor(env: Environment, vars: Readonly<Record<string, unknown>>) {
    this.#env = env;
    this.functions = {
      env_var: ([name, ...rest]) => this.#variable(name, rest),
      var: ([name, ...rest]) => {
        if (typeof name !== 'string') throw new JinjaError('`var` needs the name of a variable');
        if (Object.hasOwn(vars, name)) return vars[name];
        if (rest.length > 0) return rest[0];
        throw new MissingVariableError(name, 'variable');
      },
    };
  }

  /** The values that env_var gave since the last call. */
  takeUsed(): readonly string[] {
    const used = [...this.#used];
    this.#used.clear();
    return used;
  }

  /** Puts the values of DBT_ENV_SECRET_… variables in: as in dbt they enter after rendering, so that no filter sees them. */
  reveal(rendered: unknown): unknown {
    if (typeof rendered !== 'string') return rendered;
    return rendered.replace(/\uE000([^\uE001]*)\uE001/gi, (_, name: string) => this.#env[name.toUpperCase()] ?? '');
  }

  #variable(name: unknown, rest: readonly unknown[]): unknown {
    if (typeof name !== 'string' || name === '') throw new JinjaError('`env_var` needs the name of a variable');
    const value = this.#env[name];
    if (value === undefined) {
      if (rest.length > 0) return rest[0];
      throw new MissingVariableError(name, 'environment variable');
    }
    if (name.startsWith(SECRET_PREFIX) && name === name.toUpperCase()) {
      registerSecret(value);
      this.#used.add(value);
      return `\uE000${name}\uE001`;
    }
    this.#used.add(value);
    return value;
  }
}
