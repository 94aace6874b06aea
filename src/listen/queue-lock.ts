import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DinmoError } from '../errors.ts';
import { type ProcessIdentity, type ProcessTable, systemProcesses } from '../record/lease.ts';

const FILE = 'listener.json';

/**
 * Takes the queue for this process; the answer gives it back. What a dead process of this host left, or one of another
 * host (a container that is gone), is taken over: two that share a queue would sync a run twice, which does no harm.
 * Throws DinmoError `listener-running`.
 */
export function lockQueue(folder: string, processes: ProcessTable = systemProcesses): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, FILE);
  const holder = readHolder(path);
  const { self } = processes;
  if (holder !== null && holder.host === self.host && holder.pid !== self.pid && processes.isAlive(holder)) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'listener-running',
      message: `Process ${holder.pid} is another \`dinmo listen\`, and works on the queue ${folder}.`,
      fix: 'Stop it, or give this one a queue of its own with --queue.',
    });
  }
  writeFileSync(path, JSON.stringify(self), { mode: 0o600 });
  return () => {
    if (readHolder(path)?.pid === self.pid) rmSync(path, { force: true });
  };
}

function readHolder(path: string): ProcessIdentity | null {
  try {
    const holder: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof holder !== 'object' || holder === null || !('host' in holder) || !('pid' in holder)) return null;
    const started = 'started' in holder && typeof holder.started === 'string' ? holder.started : null;
    return { host: String(holder.host), pid: Number(holder.pid), started };
  } catch {
    return null;
  }
}
