import { rm } from 'node:fs/promises';
import { DinmoError } from '../../errors.ts';
import type { ServiceFacts } from '../../knowledge/service-facts.ts';
import { refused, retry } from '../answer.ts';
import type { Batch, BatchOutcome, Platform, Service, ServiceContext, Session } from '../destination.ts';
import { filesFacts } from './facts.ts';
import { layOut, readForm } from './layout.ts';
import { openStore } from './open-store.ts';
import { readPlace } from './place.ts';
import { type Publication, publish } from './publish.ts';
import { openSpool, type Spool } from './spool.ts';
import type { Store } from './store.ts';
import { writeError } from './store-failure.ts';

function createService(facts: ServiceFacts): Service {
  return {
    facts,
    normaliser: null,
    acknowledges: 'finish',
    validate: null,
    open: openSession,
    verify: verifyPlace,
  };
}

async function verifyPlace(given: Parameters<Service['verify']>[0]): Promise<{ ok: boolean; detail: string }> {
  const context = { ...given, baseUrl: given.baseUrl ?? null, projectDir: given.projectDir ?? '.' };
  let store: Store | null = null;
  try {
    readForm(context.config);
    store = await openStore(readPlace(context), context);
    return { ok: true, detail: await store.verify() };
  } catch (thrown) {
    if (thrown instanceof DinmoError) return { ok: false, detail: thrown.message };
    throw thrown;
  } finally {
    await store?.close();
  }
}

async function openSession(context: ServiceContext): Promise<Session> {
  const place = readPlace(context);
  const layout = layOut(context, place);
  const store = await openStore(place, context);
  const { activation, syncId, columns, clock } = context;
  try {
    await store.prepare({ changes: layout.changes, whole: layout.whole });
    const spool = await openOwnSpool(store.workingPath(layout.spool, 'spool'), { activation, syncId, columns });
    return createSession({ store, layout, spool, clock });
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

async function openOwnSpool(path: string, header: Spool['header']): Promise<Spool> {
  try {
    return await openSpool(path, header);
  } catch (thrown) {
    throw writeError(path, thrown);
  }
}

function createSession(publication: Publication): Session {
  const { store, layout, spool } = publication;
  const { whole } = layout;
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
  const end = async (publishes: boolean): Promise<void> => {
    if (ended) return;
    ended = true;
    try {
      await spool.close();
      if (publishes) await publish(publication);
      else await rm(spool.path, { force: true });
    } finally {
      await store.close();
    }
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

/** Files in a folder, a bucket or on a server: the whole segment, replaced at once, or one file of changes for each sync. */
export const files: Platform = {
  name: 'files',
  title: 'Files',
  services: filesFacts.map(createService),
};
