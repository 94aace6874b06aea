import type { Environment } from '../artifacts/environment.ts';
import { locateProject, type ProjectLocation } from '../artifacts/project.ts';
import {
  type AlertBlock,
  readSettings,
  resolveCredential,
  resolveSetting,
  type Settings,
} from '../artifacts/settings.ts';
import { createHttpClient, type HttpClient } from '../destinations/http.ts';
import { DinmoError, messageOf } from '../errors.ts';
import { scrub } from '../log.ts';
import type { Ledger } from '../record/ledger.ts';
import { type AlertMessage, type AlertState, alertEvent, slackAlert, webhookAlert } from '../report/alerts.ts';
import { failureText } from '../report/failure.ts';
import { alertStateOf, ToldFailures, ToldStates } from './alert-states.ts';
import type { Context } from './context.ts';
import { type CommandOptions, clockOf, loggerOf } from './options.ts';
import { postAlert } from './post-alert.ts';
import type { ActivationResult } from './verdict.ts';

/** Whom alerts go to, and what each message says of where it comes from. */
interface Desk {
  readonly options: CommandOptions;
  readonly env: Environment;
  readonly settings: Settings;
  readonly failures: ToldFailures;
  readonly from: Pick<AlertMessage, 'project' | 'target' | 'isSandbox' | 'syncId' | 'at' | 'link'>;
}

/** What one receiver has to be told, and how it is written down that it was. */
interface Letter {
  readonly message: Pick<AlertMessage, 'command' | 'activations'>;
  readonly receiver: string;
  written(): Promise<void>;
}

/**
 * Tells whoever `alerts:` names which activations changed their state, in one message each, and writes down what was told: sent
 * first, so that a message may come twice and is never lost. Never throws: an alert changes nothing about a sync.
 */
export async function alertResults(
  context: Context,
  told: { readonly ledger: Ledger; readonly results: readonly ActivationResult[]; readonly syncId: string | null },
): Promise<void> {
  const { project, options } = context;
  if (project.settings.alerts.alerts.size === 0) return;
  await quietly(options, async () => {
    const targetName = project.profile().targetName;
    const desk = openDesk(options, { ...project, targetName, syncId: told.syncId });
    const states = await ToldStates.read(told.ledger);
    await sendAll(desk, (alert) => resultsLetter(desk, { alert, states, results: told.results }));
  });
}

function resultsLetter(
  desk: Desk,
  {
    alert,
    states,
    results,
  }: { readonly alert: AlertBlock; readonly states: ToldStates; readonly results: readonly ActivationResult[] },
): Letter {
  const now = new Map<string, AlertState>();
  const activations = results.flatMap((result) => {
    const { report, detail } = result;
    const state = alertStateOf(result);
    if (state === null) return [];
    now.set(report.activation, state);
    const before = states.of(alert.name, report.activation);
    const event = alertEvent(before, state);
    // Who was not told that it broke need not hear that it works again.
    const isNews = event === 'recovered' ? before !== 'ok' && alert.on.includes(before) : true;
    if (event === null || !isNews || !alert.on.includes(event)) return [];
    return [{ event, before, destination: detail.destination, report }];
  });
  const receiver = receiverOf(desk, alert);
  const code = desk.failures.of(receiver);
  const recovered = code !== null && alert.on.includes('recovered');
  return {
    receiver,
    message: { command: recovered ? { event: 'recovered', code, message: null } : null, activations },
    async written() {
      await states.tell(alert.name, now);
      desk.failures.tell(receiver, null);
    },
  };
}

/**
 * The same of a command that stopped before any activation: told once for each error code, until a command gets through. Kept
 * in `target/dinmo/alerts.json`, since the warehouse may be what failed. Whoever interrupted it knows. Never throws.
 */
export async function alertFailure(
  options: CommandOptions,
  { error, syncId = null }: { readonly error: DinmoError; readonly syncId?: string | null },
): Promise<void> {
  if (options.signal?.aborted === true) return;
  await quietly(options, async () => {
    const location = findProject(options);
    if (location === null) return;
    const { settings } = readSettings(location.dir);
    const targetName = targetOf(location) ?? options.target ?? null;
    if (settings.alerts.alerts.size === 0 || !mayReach(options, settings, location, targetName)) return;
    const env = options.env ?? process.env;
    const desk = openDesk(options, {
      ...{ settings, env, targetName, syncId },
      dir: location.dir,
      name: location.dbtProject.name,
    });
    await sendAll(desk, (alert) => {
      const receiver = receiverOf(desk, alert);
      const isNews = desk.failures.of(receiver) !== error.code && alert.on.includes('failed');
      const message = failureText(error);
      return {
        receiver,
        message: { command: isNews ? { event: 'failed', code: error.code, message } : null, activations: [] },
        async written() {
          desk.failures.tell(receiver, error.code);
        },
      };
    });
  });
}

/** A project that cannot even be found says nobody whom to tell. */
function findProject(options: CommandOptions): ProjectLocation | null {
  try {
    return locateProject(options);
  } catch {
    return null;
  }
}

function targetOf(location: ProjectLocation): string | null {
  try {
    return location.profile().targetName;
  } catch {
    return null;
  }
}

/** An alert is for the job: somebody's own target, from which nothing may be sent, alerts nobody. */
function mayReach(
  options: CommandOptions,
  { targets }: Settings,
  location: ProjectLocation,
  targetName: string | null,
): boolean {
  if (options.sandboxUrl) return true;
  if (targets !== null) return targetName !== null && targets.includes(targetName);
  try {
    return location.profile().targetNames.length <= 1;
  } catch {
    return true;
  }
}

function openDesk(
  options: CommandOptions,
  project: {
    readonly dir: string;
    readonly name: string;
    readonly settings: Settings;
    readonly env: Environment;
    readonly targetName: string | null;
    readonly syncId: string | null;
  },
): Desk {
  const { settings, env } = project;
  const { link } = settings.alerts;
  return {
    ...{ options, env, settings },
    failures: new ToldFailures(project.dir),
    from: {
      project: project.name,
      target: project.targetName,
      isSandbox: Boolean(options.sandboxUrl),
      syncId: project.syncId,
      at: new Date(clockOf(options).now()).toISOString(),
      link: link === null ? null : String(resolveSetting(link, env)),
    },
  };
}

function receiverOf({ from }: Desk, alert: AlertBlock): string {
  return [alert.name, from.target ?? '', ...(from.isSandbox ? ['sandbox'] : [])].join('|');
}

/** One receiver does not wait for another, nor does what one says keep another from being told. */
async function sendAll(desk: Desk, write: (alert: AlertBlock) => Letter): Promise<void> {
  const http = createHttpClient({ connectionsMax: 1, connectTimeoutMs: 3_000, timeoutMs: 5_000 });
  try {
    const alerts = [...desk.settings.alerts.alerts.values()];
    const sent = await Promise.all(alerts.map((alert) => sendOne(desk, alert, { http, letter: write(alert) })));
    // One connection to the warehouse: one after another.
    for (const written of sent) await written?.();
  } finally {
    await http.close();
  }
}

/** What is to be written down when it was sent, or there was nothing to send; null when it could not be sent. */
async function sendOne(
  { options, env, from }: Desk,
  alert: AlertBlock,
  { http, letter }: { readonly http: HttpClient; readonly letter: Letter },
): Promise<(() => Promise<void>) | null> {
  const logger = loggerOf(options);
  const { command, activations } = letter.message;
  const changes = activations.length + (command === null ? 0 : 1);
  if (changes === 0) return letter.written;
  try {
    const url = resolveCredential(alert.url, env);
    const secret = alert.secret === null ? null : resolveCredential(alert.secret, env);
    if (from.isSandbox && !isLoopback(url)) {
      logger.info('alert.withheld', { alert: alert.name, reason: 'a rehearsal reaches no address but loopback' });
      return null;
    }
    const message: AlertMessage = { ...from, ...letter.message };
    const body = alert.type === 'slack' ? slackAlert(message) : webhookAlert(message);
    await postAlert({ url, body, secret, http, clock: clockOf(options), signal: options.signal });
    logger.info('alert.sent', { alert: alert.name, changes });
    return letter.written;
  } catch (thrown) {
    const reason = thrown instanceof DinmoError ? failureText(thrown) : scrub(messageOf(thrown));
    logger.warn('alert.failed', { alert: alert.name, reason });
    return null;
  }
}

function isLoopback(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
}

async function quietly(options: CommandOptions, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    loggerOf(options).warn('alert.failed', { alert: null, reason: scrub(messageOf(thrown)) });
  }
}
