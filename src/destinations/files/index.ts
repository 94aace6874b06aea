import { constants } from 'node:fs';
import { access, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { refused, retry } from '../answer.ts';
import type { Batch, BatchOutcome, Platform, Service, ServiceContext, Session } from '../destination.ts';
import { filesFacts } from './facts.ts';
import { type Layout, layOut } from './layout.ts';
import { prepareFolder, publishSpool, writeError } from './publish.ts';
import { openSpool, type Spool } from './spool.ts';

function createService(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    acknowledges: 'finish',
    validate: null,
    open: openSession,
    verify: (context) => verifyFolder(resolve(context.projectDir ?? '.', String(context.config['path']))),
  };
}

/** Whether the folder, or the nearest one above it that exists, can be written. Makes nothing. */
async function verifyFolder(folder: string): Promise<{ ok: boolean; detail: string }> {
  try {
    await access(folder, constants.W_OK);
    const isFolder = (await stat(folder)).isDirectory();
    return { ok: isFolder, detail: `${folder} ${isFolder ? 'can be written' : 'is not a folder'}` };
  } catch (thrown) {
    const missing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
    if (missing && dirname(folder) !== folder) return verifyFolder(dirname(folder));
    return { ok: false, detail: messageOf(thrown) };
  }
}

async function openSession(context: ServiceContext): Promise<Session> {
  const layout = layOut(context);
  const whole = context.mode === 'full';
  await prepareFolder(layout, whole);
  const { activation, syncId, columns } = context;
  const header = { activation, syncId, format: layout.format, whole, columns };
  try {
    return createSession(layout, await openSpool(layout.spool, header));
  } catch (thrown) {
    throw writeError(layout.spool, thrown);
  }
}

function createSession(layout: Layout, spool: Spool): Session {
  const { whole } = spool.header;
  const seen = new Set<string>();
  let rowsTaken = 0;
  let ended = false;
  let queue: Promise<unknown> = Promise.resolve();
  /** One after the other: the file keeps the order of delivery. */
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const result = queue.then(task);
    queue = result.catch(() => {});
    return result;
  };
  const take = async (batch: Batch): Promise<BatchOutcome> => {
    if (!seen.has(batch.id)) {
      // A full replace is the rows that are in it.
      const rows = whole ? batch.rows.filter((row) => row.operation !== 'delete') : batch.rows;
      try {
        await spool.append(rows);
      } catch (thrown) {
        const { message, fix } = writeError(spool.path, thrown);
        return refused('file-not-written', message, fix ?? '');
      }
      seen.add(batch.id);
      rowsTaken += rows.length;
    }
    return { kind: 'receipts', receipts: batch.rows.map((row) => ({ seq: row.seq, status: 'accepted' })) };
  };
  const end = async (publish: boolean): Promise<void> => {
    if (ended) return;
    ended = true;
    await spool.close();
    if (publish) await publishSpool(layout, spool.path, spool.header);
    else await rm(spool.path, { force: true });
  };
  return {
    audienceId: null,
    account: null,
    send: (batch, signal) =>
      inTurn(async () => {
        if (ended || signal.aborted) return retry({ applied: 'no', code: 'stopped', message: 'The sync was stopped' });
        return take(batch);
      }),
    finish: () => inTurn(() => end(whole || rowsTaken > 0)),
    abandon: () => inTurn(() => end(false)),
  };
}

/** Files in a local folder: the whole segment, replaced at once, or one file of changes for each sync. */
export const files: Platform = {
  name: 'files',
  title: 'Files',
  services: filesFacts.map(createService),
};
