import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Logger } from '../../log.ts';
import { createLogger } from '../logger.ts';
import {
  addDueOption,
  addGeneralOptions,
  addProjectOptions,
  addSandboxOption,
  addSelectOptions,
  addWarehouseOptions,
  readCloudId,
  toCommandOptions,
} from '../options.ts';
import { runCommand, type Session } from '../session.ts';
import type { Shell } from '../shell.ts';
import type { SyncProcessFlags } from '../sync-process.ts';

interface ListenFlags extends SyncProcessFlags {
  readonly host: string;
  readonly port: number;
  readonly job?: readonly string[];
  readonly queue?: string;
  readonly retries: number;
}

/** `dinmo listen` */
export function listenCommand(shell: Shell): Command {
  const command = new Command('listen')
    .summary('sync when dbt Cloud says that a run has completed')
    .description(
      'Takes webhooks of dbt Cloud at POST /dbt-cloud until it is stopped, and runs `dinmo sync --dbt-cloud-run <id>` for each completed run, one at a time. An event is on the disk before it is acknowledged. GET /healthz and GET /readyz say how it is. Needs DBT_CLOUD_WEBHOOK_SECRET, DBT_CLOUD_ACCOUNT_ID, DBT_CLOUD_ACCOUNT_HOST and DBT_CLOUD_TOKEN.',
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0: any that is free', numberIn(0, 65_535, 'a port'), 8901)
    .option('--job <id...>', 'only runs of these jobs', (value: string, before: readonly string[] = []) => [
      ...before,
      readCloudId(value),
    ])
    .option('--queue <folder>', 'where accepted events are kept (default: dinmo/listen in the target folder)')
    .option(
      '--retries <number>',
      'how often a failed sync is tried again',
      numberIn(0, 20, 'a number from 0 to 20'),
      5,
    );
  addGeneralOptions(addDueOption(addSelectOptions(addSandboxOption(addWarehouseOptions(addProjectOptions(command))))));
  return command.action((flags: ListenFlags) =>
    runCommand(shell, flags, { run: async (session) => await listen(session, flags) }),
  );
}

async function listen(session: Session, flags: ListenFlags): Promise<0> {
  const { shell, output } = session;
  const { listenerFolder, readCloudAccess, readWebhookSecret } = await import('../../index.ts');
  const { startListener } = await import('../../listen/listener.ts');
  const { startSyncProcess } = await import('../sync-process.ts');
  const secret = readWebhookSecret(shell.env);
  // What every sync will need is asked for now: later nobody is there to hear that it is missing.
  const { accountId } = readCloudAccess(shell.env);
  const folder = listenerFolder(toCommandOptions(shell, flags));
  const listener = await startListener({
    host: flags.host,
    port: flags.port,
    secret,
    accountId,
    jobs: flags.job ?? [],
    queueFolder: flags.queue === undefined ? folder : resolve(shell.cwd, flags.queue),
    retries: flags.retries,
    startSync: (runId) => startSyncProcess(shell, flags, runId),
    logger: serviceLogger(session, flags),
  });
  output.result({
    text: (style) => `Webhooks of dbt Cloud are taken at ${style.bold(listener.url)}\nStop with Ctrl-C.`,
    json: () => ({ url: listener.url, waiting: listener.found, error: null }),
  });
  await untilAborted(shell.signal);
  await listener.stop();
  return 0;
}

/** A service says what it does, also where the log is text. */
function serviceLogger({ logger, output }: Session, flags: ListenFlags): Logger {
  if (flags.logFormat === 'json' || flags.debug === true || flags.quiet === true) return logger;
  const { info } = createLogger(output, { debug: true, format: 'text' });
  return {
    ...logger,
    info(event, data) {
      logger.info(event, data);
      info(event, data);
    },
  };
}

function numberIn(min: number, max: number, what: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && value <= max && Number.isInteger(value)) return value;
    throw new InvalidArgumentError(`Give ${what}.`);
  };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
