/** What an expression may call: `env_var('X')`, `var('x', default)`. */
export type JinjaFunctions = Readonly<Record<string, (args: readonly unknown[]) => unknown>>;

type Token = { readonly kind: 'text' | 'number' | 'name' | 'symbol'; readonly value: string };

const TOKEN =
  /\s+|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(==|!=|<=|>=|[|~+\-(),<>[\]])/suy;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/** Why an expression can't be evaluated, in a sentence that holds no value. */
export class JinjaError extends Error {}

/**
 * Evaluates the small part of Jinja that profiles are written in: literals, `env_var` and `var`, the filters below, `~` and
 * `+`, comparisons, and `a if b else c`. Anything else throws JinjaError, so that nothing is silently rendered wrong.
 */
export function evaluateJinja(source: string, functions: JinjaFunctions): unknown {
  return new ExpressionParser(tokenise(source), functions).whole()();
}

function tokenise(source: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) throw new JinjaError(`it has something at character ${at + 1} that is not understood`);
    const [, single, double, number, name, symbol] = match;
    const text = single ?? double;
    if (text !== undefined) tokens.push({ kind: 'text', value: unescapeText(text) });
    else if (number !== undefined) tokens.push({ kind: 'number', value: number });
    else if (name !== undefined) tokens.push({ kind: 'name', value: name });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', value: symbol });
  }
  return tokens;
}

function unescapeText(text: string): string {
  return text.replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character);
}

/** A part of an expression, evaluated only where its value is needed: the branch not taken may name unset variables. */
type Lazy = () => unknown;

const DEPTH_MAX = 50;

/** Recursive descent, one method for each level of precedence. */
class ExpressionParser {
  readonly #tokens: readonly Token[];
  readonly #functions: JinjaFunctions;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], functions: JinjaFunctions) {
    this.#tokens = tokens;
    this.#functions = functions;
  }

  whole(): Lazy {
    const value = this.#conditional();
    const extra = this.#tokens[this.#at];
    if (extra !== undefined) throw new JinjaError(`\`${extra.value}\` is not expected there`);
    return value;
  }

  #conditional(): Lazy {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new JinjaError('it is nested too deeply');
    let value = this.#either();
    if (this.#take('name', 'if')) {
      const taken = value;
      const condition = this.#either();
      const otherwise = this.#take('name', 'else') ? this.#conditional() : (): unknown => '';
      value = () => (isTrue(condition()) ? taken() : otherwise());
    }
    this.#depth -= 1;
    return value;
  }

  #either(): Lazy {
    let value = this.#both();
    while (this.#take('name', 'or')) {
      const [left, right] = [value, this.#both()];
      value = () => {
        const first = left();
        return isTrue(first) ? first : right();
      };
    }
    return value;
  }

  #both(): Lazy {
    let value = this.#negation();
    while (this.#take('name', 'and')) {
      const [left, right] = [value, this.#negation()];
      value = () => {
        const first = left();
        return isTrue(first) ? right() : first;
      };
    }
    return value;
  }

  #negation(): Lazy {
    let negations = 0;
    while (this.#take('name', 'not')) negations += 1;
    const value = this.#comparison();
    return negations === 0 ? value : () => isTrue(value()) === (negations % 2 === 0);
  }

  #comparison(): Lazy {
    const left = this.#sum();
    for (const operator of ['==', '!=', '<=', '>=', '<', '>']) {
      if (!this.#take('symbol', operator)) continue;
      const right = this.#sum();
      return () => compare(operator, left(), right());
    }
    const negated = this.#take('name', 'not');
    if (negated) this.#expect('name', 'in');
    else if (!this.#take('name', 'in')) return left;
    const right = this.#sum();
    return () => contains(right(), left()) !== negated;
  }

  #sum(): Lazy {
    let value = this.#filtered();
    for (;;) {
      const isJoin = this.#take('symbol', '~');
      if (!isJoin && !this.#take('symbol', '+')) return value;
      const [left, right] = [value, this.#filtered()];
      value = isJoin ? () => `${textOf(left())}${textOf(right())}` : () => add(left(), right());
    }
  }

  #filtered(): Lazy {
    let value = this.#primary();
    while (this.#take('symbol', '|')) {
      const name = this.#expect('name').value;
      const args = this.#take('symbol', '(') ? this.#list(')') : [];
      const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
      if (filter === undefined) throw new JinjaError(`the filter \`${name}\` is not known here`);
      const filtered = value;
      value = () =>
        filter(
          filtered(),
          args.map((argument) => argument()),
        );
    }
    return value;
  }

  #primary(): Lazy {
    if (this.#take('symbol', '(')) {
      const value = this.#conditional();
      this.#expect('symbol', ')');
      return value;
    }
    if (this.#take('symbol', '-')) return constant(-Number(this.#expect('number').value));
    if (this.#take('symbol', '[')) {
      const items = this.#list(']');
      return () => items.map((item) => item());
    }
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.kind === 'text') return constant(token.value);
    if (token?.kind === 'number') return constant(Number(token.value));
    if (token?.kind !== 'name') throw new JinjaError('a value is missing');
    if (this.#take('symbol', '(')) return this.#call(token.value);
    if (Object.hasOwn(CONSTANTS, token.value)) return constant(CONSTANTS[token.value]);
    throw new JinjaError(`the name \`${token.value}\` is not known here`);
  }

  #call(name: string): Lazy {
    const args = this.#list(')');
    const called = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (called === undefined) throw new JinjaError(`the function \`${name}\` is not known here`);
    return () => called(args.map((argument) => argument()));
  }

  #list(end: string): readonly Lazy[] {
    const values: Lazy[] = [];
    while (!this.#take('symbol', end)) {
      if (values.length > 0) this.#expect('symbol', ',');
      values.push(this.#conditional());
    }
    return values;
  }

  #take(kind: Token['kind'], value: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.value !== value) return false;
    this.#at += 1;
    return true;
  }

  #expect(kind: Token['kind'], value?: string): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind !== kind || (value !== undefined && token.value !== value)) {
      throw new JinjaError(value === undefined ? `a ${kind} is missing` : `\`${value}\` is missing`);
    }
    this.#at += 1;
    return token;
  }
}

function constant(value: unknown): Lazy {
  return () => value;
}

const CONSTANTS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};

const FILTERS: Readonly<Record<string, (value: unknown, args: readonly unknown[]) => unknown>> = {
  as_text: (value) => textOf(value),
  as_number: (value) => numberOf(value),
  as_bool: (value) => booleanOf(value),
  as_native: (value) => nativeOf(value),
  int: (value, [fallback]) => Math.trunc(numberOr(value, fallback ?? 0)),
  float: (value, [fallback]) => numberOr(value, fallback ?? 0),
  string: (value) => textOf(value),
  default: (value, [fallback, falseToo]) =>
    value === null || value === undefined || (falseToo === true && !isTrue(value)) ? (fallback ?? '') : value,
  upper: (value) => textOf(value).toUpperCase(),
  lower: (value) => textOf(value).toLowerCase(),
  trim: (value) => textOf(value).trim(),
  replace: (value, [from, to]) => textOf(value).replaceAll(textOf(from), textOf(to)),
};

/** A value as Jinja prints it. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** A value as Jinja's `if` sees it. */
export function isTrue(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

function numberOf(value: unknown): number {
  const number = typeof value === 'boolean' ? Number.NaN : Number(textOf(value).trim() || Number.NaN);
  if (Number.isNaN(number)) throw new JinjaError('`as_number` was given something that is not a number');
  return number;
}

function numberOr(value: unknown, fallback: unknown): number {
  const number = Number(textOf(value).trim() || Number.NaN);
  return Number.isNaN(number) ? Number(fallback) : number;
}

function booleanOf(value: unknown): boolean {
  const text = textOf(value).trim().toLowerCase();
  if (text === 'true' || text === 'false') return text === 'true';
  throw new JinjaError('`as_bool` was given something that is neither true nor false');
}

function nativeOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  // As in dbt, Python's literals: `True` and `None`, not `true` and `none`.
  return /^(?:True|False|None)$/.test(text) ? CONSTANTS[text] : value;
}

function add(left: unknown, right: unknown): unknown {
  if (typeof left === 'number' && typeof right === 'number') return left + right;
  if (typeof left === 'string' && typeof right === 'string') return left + right;
  throw new JinjaError('`+` joins two texts or adds two numbers; `~` joins anything');
}

function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(whole)) return whole.includes(part);
  return typeof whole === 'string' && whole.includes(textOf(part));
}

function compare(operator: string, left: unknown, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  const [a, b] = typeof left === 'number' && typeof right === 'number' ? [left, right] : [textOf(left), textOf(right)];
  if (operator === '<') return a < b;
  if (operator === '>') return a > b;
  return operator === '<=' ? a <= b : a >= b;
}
