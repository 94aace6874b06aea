import { NAME } from '../../src/artifacts/block-reader.ts';

/** A JSON Schema of draft-07. */
export type Schema = Readonly<Record<string, unknown>>;

/** A schema with what an editor shows of it. */
export interface Shown {
  readonly description: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
}

const JINJA: Schema = {
  description: 'Jinja, which dbt renders.',
  type: 'string',
  pattern: '\\{\\{|\\{%',
};

/**
 * The words in which a file is described. dbt renders Jinja in its own YAML before we read it, so that there any value may be
 * an expression; our own files are read as they stand.
 */
export class Vocabulary {
  readonly #isRendered: boolean;
  readonly definitions: Readonly<Record<string, Schema>>;
  readonly #prefix: string;

  constructor({ isRendered, prefix = '' }: { readonly isRendered: boolean; readonly prefix?: string }) {
    this.#isRendered = isRendered;
    this.#prefix = prefix;
    this.definitions = isRendered ? { [`${prefix}jinja`]: JINJA } : {};
  }

  ref(name: string): Schema {
    return { $ref: `#/definitions/${this.#prefix}${name}` };
  }

  /** The names of the definitions as they stand in the file. */
  named(definitions: Readonly<Record<string, Schema>>): Readonly<Record<string, Schema>> {
    return Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [`${this.#prefix}${name}`, schema]));
  }

  /** The value, or an expression that gives it. */
  value(schema: Schema): Schema {
    if (
      !this.#isRendered ||
      (schema['type'] === 'string' &&
        Object.keys(schema).every((key) => ['type', 'minLength', 'description', 'default', 'examples'].includes(key)))
    )
      return schema;
    const { description, default: usual, examples, ...rest } = schema;
    const shown = Object.fromEntries(
      Object.entries({ description, default: usual, examples }).filter(([, each]) => each !== undefined),
    );
    return { ...shown, anyOf: [rest, this.ref('jinja')] };
  }

  /**
   * A map that has only these keys. `keys` are the reader's own: a key that the reader takes and nobody describes is still
   * allowed, and a test asks for its description.
   */
  map(keys: readonly string[], properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema {
    const listed = keys.map((key) => [key, this.value(properties[key] ?? {})] as const);
    return { type: 'object', ...more, properties: Object.fromEntries(listed), additionalProperties: false };
  }

  /** A map from names of the user's own. */
  namedMap(value: Schema, shown: Shown): Schema {
    return {
      ...shown,
      type: 'object',
      propertyNames: { pattern: NAME.source, patternErrorMessage: NAME_RULE },
      additionalProperties: this.value(value),
    };
  }

  /** A map from keys of others: fields of a platform, columns. */
  openMap(value: Schema, shown: Shown): Schema {
    return { ...shown, type: 'object', additionalProperties: this.value(value) };
  }

  list(items: Schema, shown: Shown): Schema {
    return { ...shown, type: 'array', minItems: 1, uniqueItems: true, items: this.value(items) };
  }
}

export const text = (description: string, more: Schema = {}): Schema => ({
  description,
  type: 'string',
  minLength: 1,
  ...more,
});

/** `patternErrorMessage` is what the language servers of VS Code show instead of a pattern. */
const NAME_RULE = 'A name begins with a lower-case letter and has up to 40 lower-case letters, digits and underscores.';

export const name = (description: string, more: Schema = {}): Schema => ({
  description,
  type: 'string',
  pattern: NAME.source,
  patternErrorMessage: NAME_RULE,
  ...more,
});

export const flag = (description: string, usual?: boolean): Schema => ({
  description,
  type: 'boolean',
  ...(usual === undefined ? {} : { default: usual }),
});

export const choice = (choices: readonly string[], description: string, more: Schema = {}): Schema => ({
  description,
  enum: choices,
  ...more,
});

export const whole = (
  description: string,
  bounds: { readonly min: number; readonly max?: number },
  more: Schema = {},
): Schema => ({
  description,
  type: 'integer',
  minimum: bounds.min,
  maximum: bounds.max ?? Number.MAX_SAFE_INTEGER,
  ...more,
});

export const number = (
  description: string,
  bounds: { readonly min: number; readonly max: number },
  more: Schema = {},
): Schema => ({
  description,
  type: 'number',
  minimum: bounds.min,
  maximum: bounds.max,
  ...more,
});

/** A property, or one reached over relations to one: `plan.price`. */
export const path = (description: string, more: Schema = {}): Schema => ({
  description,
  type: 'string',
  pattern: '^[^.]*[^.\\s][^.]*(\\.[^.]*[^.\\s][^.]*)*$',
  patternErrorMessage: 'Names joined by single dots, such as plan.price.',
  ...more,
});
