import { isDeepStrictEqual } from 'node:util';
import { hasJinja } from './jinja.ts';
import type { Path } from './position.ts';
import { isMap } from './shape.ts';

/** A place where the manifest's reading of a value and YAML 1.2's differ. */
export interface ReadingDifference {
  /** The path with the manifest's keys. */
  readonly path: Path;
  /** The same place with the keys of the file: `on` where the manifest has `true`. */
  readonly filePath: Path;
  /**
   * `yaml-1-1`: the manifest has what YAML 1.1 reads there. `type`: one plain value read as another type, by whichever reader.
   * `other`: keys, items or values differ, so that the file or its config must have changed.
   */
  readonly kind: 'yaml-1-1' | 'type' | 'other';
  /** What dbt made of it. */
  readonly read: unknown;
}

/** How YAML 1.1 reads unquoted keys. */
const KEYS_OF_YAML_11: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['on', 'yes', 'true'].flatMap((key) => spellings(key).map((spelt) => [spelt, 'true']))),
  ...Object.fromEntries(['off', 'no', 'false'].flatMap((key) => spellings(key).map((spelt) => [spelt, 'false']))),
  '~': 'null',
};

function spellings(word: string): readonly string[] {
  return [word, word.toUpperCase(), `${word[0]?.toUpperCase()}${word.slice(1)}`];
}

/**
 * Compares what dbt read with what the file says as YAML 1.2 (and 1.1, to tell the two causes apart). Values with Jinja are
 * not compared, dates as text, and a last newline does not count.
 */
export function compareReadings(readings: {
  readonly manifest: unknown;
  readonly yaml12: unknown;
  readonly yaml11: unknown;
}): readonly ReadingDifference[] {
  const differences: ReadingDifference[] = [];
  compare(readings, { path: [], filePath: [], differences });
  return differences;
}

interface Place {
  readonly path: Path;
  readonly filePath: Path;
  readonly differences: ReadingDifference[];
}

type Readings = Parameters<typeof compareReadings>[0];

function compare({ manifest, yaml12, yaml11 }: Readings, place: Place): void {
  const { path, filePath, differences } = place;
  if (isMap(manifest) && isMap(yaml12)) {
    compareMaps(manifest, yaml12, isMap(yaml11) ? yaml11 : {}, place);
  } else if (Array.isArray(manifest) && Array.isArray(yaml12) && manifest.length === yaml12.length) {
    const others: readonly unknown[] = Array.isArray(yaml11) ? yaml11 : [];
    for (const [index, item] of yaml12.entries()) {
      const inner = { path: [...path, index], filePath: [...filePath, index], differences };
      compare({ manifest: manifest[index], yaml12: item, yaml11: others[index] }, inner);
    }
  } else if (!isSame(manifest, yaml12)) {
    const isPlain = !isHolder(manifest) && !isHolder(yaml12);
    const kind = isPlain && isDeepStrictEqual(manifest, yaml11) ? 'yaml-1-1' : null;
    const isApart = isPlain && typeof manifest !== typeof yaml12 && manifest !== null && yaml12 !== null;
    differences.push({ path, filePath, kind: kind ?? (isApart ? 'type' : 'other'), read: manifest });
  }
}

function compareMaps(
  manifest: Readonly<Record<string, unknown>>,
  yaml12: Readonly<Record<string, unknown>>,
  yaml11: Readonly<Record<string, unknown>>,
  { path, filePath, differences }: Place,
): void {
  const matched = new Set<string>();
  for (const [key, value] of Object.entries(yaml12)) {
    const other = KEYS_OF_YAML_11[key];
    if (Object.hasOwn(manifest, key)) {
      matched.add(key);
      const inner = { path: [...path, key], filePath: [...filePath, key], differences };
      compare({ manifest: manifest[key], yaml12: value, yaml11: yaml11[key] }, inner);
    } else if (other !== undefined && Object.hasOwn(manifest, other)) {
      matched.add(other);
      differences.push({ path: [...path, other], filePath: [...filePath, key], kind: 'yaml-1-1', read: other });
    } else if (!hasJinja(key)) {
      differences.push({ path: [...path, key], filePath: [...filePath, key], kind: 'other', read: undefined });
    }
  }
  for (const key of Object.keys(manifest)) {
    if (!matched.has(key) && !Object.keys(yaml12).some(hasJinja)) {
      differences.push({ path: [...path, key], filePath, kind: 'other', read: undefined });
    }
  }
}

function isHolder(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isSame(manifest: unknown, yaml12: unknown): boolean {
  if (typeof yaml12 === 'string') {
    if (hasJinja(yaml12)) return true;
    return typeof manifest === 'string' && (trimmed(manifest) === trimmed(yaml12) || isSameInstant(manifest, yaml12));
  }
  if (typeof yaml12 === 'bigint') return typeof manifest === 'number' && manifest === Number(yaml12);
  if (typeof yaml12 === 'number') return manifest === yaml12 || (manifest === null && !Number.isFinite(yaml12));
  return isDeepStrictEqual(manifest ?? null, yaml12 ?? null);
}

function trimmed(text: string): string {
  return text.replaceAll('\r\n', '\n').trim();
}

/** Dates and timestamps: dbt 1.x makes them objects and prints `2024-01-01T10:00:00` for `2024-01-01 10:00:00`. */
function isSameInstant(manifest: string, written: string): boolean {
  const shape = /^\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d+)?(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?)?$/;
  if (!shape.test(manifest) || !shape.test(written)) return false;
  return instant(manifest) === instant(written);
}

function instant(text: string): number | string {
  const parts =
    /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d+))?[ \t]*(Z|[-+]\d\d?(?::?\d\d)?)?)?$/.exec(
      text,
    );
  if (parts === null) return text;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = parts;
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const offset = /^([-+])(\d\d?):?(\d\d)?$/.exec(zone);
  const minutes = offset === null ? 0 : Number(`${offset[1]}1`) * (Number(offset[2]) * 60 + Number(offset[3] ?? 0));
  return date - minutes * 60_000 + Number(`0.${fraction}`);
}
