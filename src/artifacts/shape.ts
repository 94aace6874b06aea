import { nearest } from '../finding.ts';
import type { Path } from './position.ts';
import type { ShapeProblem } from './rule.ts';

/** Collects what is wrong with the shape of a block, so that all of it is reported at once. */
export class ShapeProblems {
  readonly list: ShapeProblem[] = [];

  add(code: string, path: Path, message: string, fix: string): null {
    this.list.push({ code, path, message, fix });
    return null;
  }

  unknownKey(key: string, at: Path, valid: readonly string[]): void {
    const near = nearest(key, valid);
    const fix = near === null ? `Use one of ${valid.join(', ')}.` : `Did you mean \`${near}\`?`;
    this.add('unknown-key', [...at, key], `Unknown key \`${shortened(key)}\`.`, fix);
  }
}

/** A name that somebody wrote, fit for a sentence: one line, at most 60 characters. */
export function shortened(name: string): string {
  return name.slice(0, 60).replaceAll(/\s+/g, ' ');
}

/** Whether a value of YAML or JSON is a map. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The kind of a value of YAML, in a reader's words. Never the value itself: it may be personal data. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return 'text';
  return typeof value === 'boolean' ? 'true or false' : 'a number';
}
