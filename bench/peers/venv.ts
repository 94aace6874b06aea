import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Skipped } from '../run/must.ts';
import { ROOT } from '../run/places.ts';

/** The environment of a peer. Throws Skipped where it could not be installed. */
export function peerVenv(name: 'drt' | 'condor'): string {
  const venv = join(ROOT, 'bench/.venvs', name);
  if (existsSync(join(venv, 'installed.json'))) return venv;
  throw new Skipped(`${name} is not installed: node bench/setup-peers.mjs says why`);
}

/** The dbt of `npm run setup`. Throws Skipped where it is missing. */
export function dbtVenv(): string {
  const venv = join(ROOT, '.venv');
  if (existsSync(join(venv, 'bin/dbt'))) return venv;
  throw new Skipped('dbt is not installed: npm run setup');
}

/** Whether the peer's figures can be had; what is missing is said once, at the start. */
export function hasPeer(name: 'drt' | 'condor'): boolean {
  return existsSync(join(ROOT, 'bench/.venvs', name, 'installed.json'));
}
