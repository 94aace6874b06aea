import { createHash, randomBytes } from 'node:crypto';
import type { ProcessIdentity, ProcessTable } from './lease.ts';

/** A table of a process elsewhere is left alone so long: no process reads its own when it is nearly as old. */
const KEPT_MS = 6 * 60 * 60_000;

const NAME = /^copy_([0-9a-z]+)_([0-9a-f]{8})_(\d+)_(\d*)_[0-9a-f]+$/;

/**
 * Name of a table that this process makes and drops: it says until when the table may be read and by whom, so that another process
 * knows what was left behind without a register that could be lost.
 */
export function passingName({ self }: ProcessTable, nowMs: number): string {
  const until = Math.ceil((nowMs + KEPT_MS) / 1000).toString(36);
  return `copy_${until}_${hostMark(self)}_${self.pid}_${self.started ?? ''}_${randomBytes(4).toString('hex')}`;
}

/** Those of these tables that nobody can be reading any more: their process has ended (where that can be told), or their time. */
export function abandonedTables(names: Iterable<string>, processes: ProcessTable, nowMs: number): readonly string[] {
  return [...names].filter((name) => {
    const [, until = '', host = '', pid = '', started = ''] = NAME.exec(name) ?? [];
    if (until === '') return false;
    if (Number.parseInt(until, 36) * 1000 <= nowMs) return true;
    if (host !== hostMark(processes.self)) return false;
    return !processes.isAlive({
      host: processes.self.host,
      pid: Number(pid),
      started: started === '' ? null : started,
    });
  });
}

function hostMark({ host }: ProcessIdentity): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 8);
}
