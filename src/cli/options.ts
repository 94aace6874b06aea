import { type Command, InvalidArgumentError, Option } from 'commander';
import { DinmoError } from '../errors.ts';
import type { CommandOptions, SyncOptions } from '../index.ts';
import type { Shell } from './shell.ts';

/** Where `dinmo sandbox` listens unless told otherwise. */
export const SANDBOX_URL = 'http://127.0.0.1:8900';

/** The value of `--sandbox` without an address. */
const USUAL_SANDBOX = 'usual';

/** Flags of every command, as commander gives them. */
export interface GeneralOptions {
  readonly output: 'text' | 'json';
  readonly quiet?: boolean;
  readonly color: boolean;
  readonly debug?: boolean;
  readonly logFormat: 'text' | 'json';
}

/** Flags of the commands that read a project; each command takes some of them. */
export interface ProjectFlags extends GeneralOptions {
  readonly projectDir?: string;
  readonly profilesDir?: string;
  readonly profile?: string;
  readonly target?: string;
  readonly targetPath?: string;
  readonly vars?: string;
  readonly runResults?: readonly string[];
  readonly sources?: readonly string[];
  readonly dbtCloudRun?: string;
  readonly select?: readonly string[];
  readonly exclude?: readonly string[];
  readonly lockTimeout?: number;
  readonly sandbox?: string;
}

/** Flags of plan, sync, run and retry. `gate` is false with `--no-gate`. */
export interface SyncFlags extends ProjectFlags {
  readonly fullRefresh?: boolean;
  readonly resendEvents?: boolean;
  readonly gate: boolean;
  readonly allowDeletes?: boolean;
  readonly allowEmpty?: boolean;
  readonly allowKeyChurn?: boolean;
  readonly resume?: boolean;
  readonly due?: boolean;
  readonly threads?: number;
}

/** What every command takes. `output` is the `--output` of a command that has further forms. */
export function addGeneralOptions(command: Command, output: Option = usualOutput()): Command {
  return command
    .addOption(output)
    .option('-q, --quiet', 'say nothing but the result and what went wrong')
    .option('--no-color', 'no colour (also: NO_COLOR)')
    .option('--debug', 'log everything to stderr, with the stack of a failure')
    .addOption(
      new Option('--log-format <format>', 'form of the log on stderr').choices(['text', 'json']).default('text'),
    );
}

function usualOutput(): Option {
  return new Option('--output <format>', 'form of the result on stdout').choices(['text', 'json']).default('text');
}

/** dbt's own options, of every command that reads a project. */
export function addProjectOptions(command: Command): Command {
  return command
    .option('--project-dir <folder>', 'folder of dbt_project.yml (default: here, or the nearest above)')
    .option('--profiles-dir <folder>', 'folder of profiles.yml')
    .option('--profile <name>', 'profile to use instead of the project’s')
    .option('-t, --target <name>', 'target of the profile')
    .option('--target-path <folder>', 'folder of manifest.json (default: target)')
    .option('--vars <yaml>', 'variables, as dbt takes them');
}

/** What the commands take that open the warehouse. */
export function addWarehouseOptions(command: Command): Command {
  return command.option('--lock-timeout <seconds>', 'how long to wait for another process (default: 60)', readSeconds);
}

/** What the commands take that look at dbt’s results. */
export function addRunResultsOption(command: Command): Command {
  return command
    .option('--run-results <file>', 'a further run_results.json; may be given several times', collect)
    .option('--sources <file>', 'a further sources.json or freshness.json; may be given several times', collect);
}

/** What plan and sync take. */
export function addDueOption(command: Command): Command {
  return command.option('--due', 'of these, only those whose schedule asks for a run since their last success');
}

/** What sync, run and retry take. */
export function addThreadsOption(command: Command): Command {
  return command.option(
    '--threads <count>',
    'accounts to sync side by side; one that has to wait lets another begin (default: 4)',
    readThreads,
  );
}

/** Which activations a command is about. */
export function addSelectOptions(command: Command): Command {
  return command
    .option('-s, --select <activation...>', 'only these: vip_france, vip_france.meta_customers, *.meta_customers')
    .option('--exclude <activation...>', 'all but these');
}

/** Redirection to simulated platforms. */
export function addSandboxOption(command: Command): Command {
  return command.option(
    '--sandbox [url]',
    `reach only the simulated platforms (default: DINMO_SANDBOX_URL, else ${SANDBOX_URL})`,
  );
}

/** What plan, sync, run and retry take. */
export function addSyncOptions(command: Command): Command {
  addSelectOptions(addSandboxOption(command));
  addRunResultsOption(addWarehouseOptions(command));
  return command
    .option('--full-refresh', 'send everything again; removals are still sent')
    .option('--resend-events', 'let a full refresh send events that were sent before')
    .option('--no-gate', 'go on though dbt failed or is out of date; recorded')
    .option('--allow-deletes', 'pass the guards on removals, this once; recorded')
    .option('--allow-empty', 'pass the guard on empty segments, this once; recorded')
    .option('--allow-key-churn', 'pass the guard on changed keys, this once; recorded')
    .option('--resume', 'take the pause off activations that `clear` paused');
}

/** What the commands take that may read the artifacts of a run of dbt Cloud. */
export function addDbtCloudOption(command: Command): Command {
  return command.option(
    '--dbt-cloud-run <id>',
    'use the artifacts of this run of dbt Cloud (DBT_CLOUD_ACCOUNT_ID, DBT_CLOUD_ACCOUNT_HOST, DBT_CLOUD_TOKEN)',
    readCloudId,
  );
}

/** Ids of dbt Cloud are numbers. */
export function readCloudId(value: string): string {
  if (/^[1-9]\d{0,18}$/.test(value)) return value;
  throw new InvalidArgumentError('Give the number that stands in the address, such as 70403103.');
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** Hours of an option, up to a year. */
export function readHours(value: string): number {
  const hours = Number(value);
  if (value.trim() !== '' && Number.isFinite(hours) && hours >= 0 && hours <= 8_784) return hours;
  throw new InvalidArgumentError('Give hours, from 0 to 8784.');
}

function readSeconds(value: string): number {
  const seconds = Number(value);
  if (value.trim() !== '' && Number.isFinite(seconds) && seconds >= 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('Give seconds, from 0 to 86400.');
}

function readThreads(value: string): number {
  const count = Number(value);
  if (/^\d+$/.test(value) && count >= 1 && count <= 64) return count;
  throw new InvalidArgumentError('Give a number from 1 to 64.');
}

/** The flags as the public API takes them. Throws DinmoError `sandbox-not-local`. */
export function toCommandOptions(shell: Shell, flags: ProjectFlags): CommandOptions {
  const { projectDir, profilesDir, profile, target, targetPath, vars, runResults, sources, select, exclude } = flags;
  const stated = { projectDir, profilesDir, profile, target, targetPath, vars, runResults, sources, select, exclude };
  return {
    ...withoutUndefined({ ...stated, dbtCloudRun: flags.dbtCloudRun }),
    env: shell.env,
    cwd: shell.cwd,
    signal: shell.signal,
    sandboxUrl: readSandbox(shell, flags.sandbox),
    ...(flags.lockTimeout === undefined ? {} : { lockTimeoutMs: flags.lockTimeout * 1000 }),
  };
}

/** The flags of plan, sync, run and retry as the public API takes them. Throws DinmoError `sandbox-not-local`. */
export function toSyncOptions(shell: Shell, flags: SyncFlags): SyncOptions {
  const { fullRefresh, resendEvents, gate, allowDeletes, allowEmpty, allowKeyChurn, resume, due, threads } = flags;
  return {
    ...toCommandOptions(shell, flags),
    ...withoutUndefined({ fullRefresh, resendEvents, allowDeletes, allowEmpty, allowKeyChurn, resume, due, threads }),
    noGate: !gate,
  };
}

type Stated<Values> = { readonly [Key in keyof Values]?: Exclude<Values[Key], undefined> };

function withoutUndefined<Values extends object>(values: Values): Stated<Values> {
  // The entries that are left are exactly those whose value is not undefined.
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Stated<Values>;
}

/** Credentials go to the sandbox too, so it has to be on this machine. */
function readSandbox(shell: Shell, given: string | undefined): string | null {
  if (given === undefined) return null;
  const text = given === USUAL_SANDBOX ? shell.env['DINMO_SANDBOX_URL'] || SANDBOX_URL : given;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname))
    return text.replace(/\/+$/, '');
  throw new DinmoError({
    kind: 'configuration',
    code: 'sandbox-not-local',
    message: 'The address of the sandbox is not one of this machine.',
    fix: `Give --sandbox ${SANDBOX_URL}, or the address that \`dinmo sandbox\` printed.`,
  });
}

/**
 * `--sandbox` takes an address or none: what follows it is its value only where it looks like one, so that
 * `dinmo clear --sandbox vip.meta` keeps its argument.
 */
export function separateSandbox(argv: readonly string[]): readonly string[] {
  return argv.flatMap((argument, index) => {
    const isAddress = (text: string | undefined): boolean => /^\w+:\/\/|^[\w.-]+:\d+$/.test(text ?? '');
    if (argument === '--sandbox') return isAddress(argv[index + 1]) ? [] : [`--sandbox=${USUAL_SANDBOX}`];
    return argv[index - 1] === '--sandbox' && isAddress(argument) ? [`--sandbox=${argument}`] : [argument];
  });
}
