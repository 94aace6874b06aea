import { existsSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLeaks } from './canaries.ts';

/**
 * Everything that the program lets out while tests run passes here: what it prints, logs and throws, what commands report,
 * and what stays in the databases. `setup.ts` lets the test fail that was running when something was found.
 */
const found: string[] = [];
const kept: string[] = [];
let seen = 0;

/** Adds what somebody else found. */
export function report(finding: string): void {
  found.push(finding);
}

/** Searches a text, or the JSON of a value, that left the program by this way. */
export function observe(way: string, given: unknown): void {
  seen += 1;
  const text = typeof given === 'string' ? given : (JSON.stringify(given, digits) ?? '');
  for (const { what, line } of findLeaks(text)) found.push(`${way}: ${what}, ${line}`);
}

function digits(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** Takes a database away from a test that is done with it, to be searched when its file of tests ends. */
export function keepDatabase(path: string): void {
  if (!existsSync(path)) return;
  const place = join(mkdtempSync(join(tmpdir(), 'dinmo-privacy-')), 'kept.duckdb');
  renameSync(path, place);
  if (existsSync(`${path}.wal`)) renameSync(`${path}.wal`, `${place}.wal`);
  kept.push(place);
}

/** The databases that were kept, handed over. */
export function takeDatabases(): readonly string[] {
  return kept.splice(0);
}

/** What was found so far, handed over. */
export function takeFindings(): readonly string[] {
  return found.splice(0);
}

/** How many texts were searched in this process. */
export function observedCount(): number {
  return seen;
}
