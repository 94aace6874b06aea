import { spawn } from 'node:child_process';
import { readSyncEnd } from '../listen/sync-report.ts';
import type { SyncProcess } from '../listen/worker.ts';
import type { ProjectFlags } from './options.ts';
import type { Shell } from './shell.ts';

/** A sync's report is kilobytes; of a longer one only the exit code is used. */
const REPORT_CHARS_MAX = 8 * 1024 * 1024;
/** A sync of the listener waits this long for another process, in seconds, unless told otherwise: nobody sits before it. */
const LOCK_TIMEOUT = 900;

/** The flags that are handed on to every sync. */
export interface SyncProcessFlags extends ProjectFlags {
  readonly due?: boolean;
}

/**
 * Starts `dinmo sync --dbt-cloud-run <id>` as a process of the same program, in a group of its own: Ctrl-C reaches it once,
 * through `stop`. What it logs goes where our own log goes; the webhook's secret is not for it.
 */
export function startSyncProcess(shell: Shell, flags: SyncProcessFlags, runId: string): SyncProcess {
  const { DBT_CLOUD_WEBHOOK_SECRET: _, ...env } = shell.env;
  const program = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, program, ...syncArguments(flags, runId)], {
    cwd: shell.cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (stdout.length <= REPORT_CHARS_MAX) stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    shell.stderr.write(text);
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', (code) => resolve(code));
  });
  return {
    pid: child.pid ?? null,
    ended: ended.then((code) => readSyncEnd(code, stdout)),
    stop: () => {
      child.kill('SIGTERM');
    },
  };
}

/** What a sync of the listener is called with. */
export function syncArguments(flags: SyncProcessFlags, runId: string): readonly string[] {
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['--project-dir', flags.projectDir],
    ['--profiles-dir', flags.profilesDir],
    ['--profile', flags.profile],
    ['--target', flags.target],
    ['--target-path', flags.targetPath],
    ['--vars', flags.vars],
    ['--lock-timeout', String(flags.lockTimeout ?? LOCK_TIMEOUT)],
    ['--sandbox', flags.sandbox],
    ['--log-format', flags.logFormat],
  ];
  return [
    'sync',
    ...['--dbt-cloud-run', runId, '--output', 'json', '--no-color'],
    ...(flags.due === true ? ['--due'] : []),
    ...(flags.debug === true ? ['--debug'] : []),
    ...(flags.quiet === true ? ['--quiet'] : []),
    // With `=`, so that a value that begins with a dash stays a value.
    ...pairs.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
    ...(flags.select ?? []).map((pattern) => `--select=${pattern}`),
    ...(flags.exclude ?? []).map((pattern) => `--exclude=${pattern}`),
  ];
}
