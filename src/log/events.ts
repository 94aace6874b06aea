import { DURATION, type LogEventDoc } from './event-doc.ts';
import { LISTEN_EVENTS } from './listen-events.ts';
import { ACTIVATION_EVENTS, DELIVERY_EVENTS } from './sync-events.ts';

export type { LogEventDoc, LogLevel } from './event-doc.ts';

/** Keys that say what a line is about, in every line in which it is known. */
export const SUBJECT_KEYS: Readonly<Record<string, string>> = {
  sync_id: 'the command that synced: `sync_id` of `runs`, the same for all activations of one command',
  run_id: 'the run of one activation: `run_id` of `runs`',
  activation: 'the activation: `<segment or entity>.<name>`',
  destination: 'the destination, as `dinmo.yml` names it',
};

const COMMAND_EVENTS: readonly LogEventDoc[] = [
  {
    event: 'command.started',
    level: 'info',
    keys: { command: 'its name', tool_version: 'the version of dbt-dinmo' },
    meaning: 'A command begins.',
  },
  {
    event: 'command.finished',
    level: 'info',
    keys: { command: 'its name', exit_code: 'what the shell gets', duration_ms: DURATION },
    meaning: 'A command is over: the last line of a process that was not killed.',
  },
  {
    event: 'command.failed',
    level: 'warn',
    keys: {
      code: 'the stable code of docs/errors.md',
      message: 'what is wrong',
      fix: 'what to do',
      file: 'where: a file of the project',
      line: 'and its line',
    },
    meaning: 'What stopped a command. Only as JSON; the text form is the error message itself.',
  },
  {
    event: 'command.stopped',
    level: 'debug',
    keys: { code: 'the stable code of docs/errors.md', message: 'what is wrong', fix: 'what to do' },
    meaning: 'What stopped plan, sync, retry or clear before the first activation, or between two.',
  },
  {
    event: 'note.printed',
    level: 'info',
    keys: { text: 'what is said' },
    meaning: 'What is said on the way, where no event of its own says it. Only as JSON.',
  },
  {
    event: 'problem.printed',
    level: 'warn',
    keys: { text: 'what is said' },
    meaning: 'The same of something that has to be known, such as findings that stop `run`. Only as JSON.',
  },
  {
    event: 'dbt.printed',
    level: 'info',
    keys: { text: 'the line' },
    meaning: 'A line that dbt printed, of `dinmo run`. Only as JSON.',
    rare: true,
  },
  {
    event: 'project.read',
    level: 'debug',
    keys: { activations: 'how many it has', findings: 'what check would say', duration_ms: DURATION },
    meaning: 'Manifest, results, `dinmo.yml` and annotations were read.',
  },
  {
    event: 'models.stale',
    level: 'warn',
    text: 'generated models are stale',
    keys: { files: 'which', fix: 'what to do' },
    meaning: 'Generated models are not what the annotations say now: what is sent is what was built before.',
  },
  {
    event: 'models.types_unknown',
    level: 'debug',
    keys: { reason: 'why' },
    meaning: '`generate` could not ask the warehouse for column types, and went on without.',
    rare: true,
  },
];

const WAREHOUSE_EVENTS: readonly LogEventDoc[] = [
  {
    event: 'warehouse.connected',
    level: 'debug',
    keys: { adapter: 'as dbt calls it', target: 'the dbt target', duration_ms: DURATION },
    meaning: 'The warehouse answers.',
  },
  {
    event: 'warehouse.locked',
    level: 'info',
    keys: { file: 'the database', holder: 'the process that holds it' },
    meaning: 'A DuckDB file is held by another process; it is waited for, as long as --lock-timeout says.',
    rare: true,
  },
  {
    event: 'warehouse.waited',
    level: 'info',
    keys: { file: 'the database', waited_ms: DURATION },
    meaning: 'That wait is over.',
    rare: true,
  },
  {
    event: 'warehouse.retried',
    level: 'debug',
    keys: { reason: 'what the warehouse said', attempt: 'which one' },
    meaning: 'BigQuery asked to try a statement again.',
    rare: true,
  },
  {
    event: 'storage.new',
    level: 'warn',
    text: 'this is the first sync into a new schema, and other schemas hold state',
    keys: { schema: 'the new one', others: 'those that hold state', fix: 'what to do' },
    meaning: 'The first sync into a schema, while others of the database hold state: perhaps it was renamed.',
    rare: true,
  },
];

const ALERT_EVENTS: readonly LogEventDoc[] = [
  {
    event: 'alert.sent',
    level: 'info',
    keys: { alert: 'its name in `dinmo.yml`', changes: 'how many changes of state it tells' },
    meaning: 'An alert went out.',
  },
  {
    event: 'alert.failed',
    level: 'warn',
    text: 'an alert could not be sent',
    keys: { alert: 'its name in `dinmo.yml`', reason: 'why' },
    meaning: 'An alert did not go out; the next command tries again. The exit code does not change.',
  },
  {
    event: 'alert.withheld',
    level: 'info',
    keys: { alert: 'its name in `dinmo.yml`', reason: 'why' },
    meaning: 'An alert stays at home: a rehearsal (--sandbox) reaches no address but loopback.',
  },
  {
    event: 'telemetry.started',
    level: 'debug',
    keys: { traces: 'whether traces are exported', metrics: 'whether metrics are' },
    meaning: 'OpenTelemetry is on, by its standard variables.',
    rare: true,
  },
  {
    event: 'telemetry.failed',
    level: 'warn',
    text: 'telemetry is not complete',
    keys: { reason: 'why' },
    meaning: 'Traces or metrics did not go out, or not in time. Nothing else is touched by that.',
    rare: true,
  },
];

const SANDBOX_EVENTS: readonly LogEventDoc[] = [
  {
    event: 'sandbox.started',
    level: 'info',
    keys: { url: 'where it listens', instance: 'which sandbox this is' },
    meaning: 'The sandbox listens.',
    rare: true,
  },
  {
    event: 'sandbox.failed',
    level: 'warn',
    text: 'sandbox request failed',
    keys: { reason: 'why' },
    meaning: 'The sandbox could not answer a request.',
    rare: true,
  },
  {
    event: 'sandbox.not_furnished',
    level: 'warn',
    text: 'the sandbox did not take what it was told',
    keys: { status: 'what it answered' },
    meaning: 'The sandbox did not take the settings of a destination.',
    rare: true,
  },
  {
    event: 'sandbox.state_lost',
    level: 'warn',
    text: 'the state of the sandbox is lost, and it starts empty',
    keys: { file: 'where it is kept', reason: 'why' },
    meaning: 'What the sandbox had kept cannot be used.',
    rare: true,
  },
  {
    event: 'sandbox.state_not_written',
    level: 'warn',
    text: 'sandbox state was not written',
    keys: { file: 'where it is kept', reason: 'why' },
    meaning: 'What the sandbox holds could not be kept.',
    rare: true,
  },
];

/** Every event of the log, by what it is about. */
export const LOG_EVENTS: readonly { readonly title: string; readonly events: readonly LogEventDoc[] }[] = [
  { title: 'The command', events: COMMAND_EVENTS },
  { title: 'The warehouse', events: WAREHOUSE_EVENTS },
  { title: 'An activation', events: ACTIVATION_EVENTS },
  { title: 'Delivery', events: DELIVERY_EVENTS },
  { title: 'Alerts and telemetry', events: ALERT_EVENTS },
  { title: 'dbt Cloud and its webhooks', events: LISTEN_EVENTS },
  { title: 'The sandbox', events: SANDBOX_EVENTS },
];

const TEXTS = new Map(
  LOG_EVENTS.flatMap(({ events }) => events).map(({ event, text }) => [event, text ?? event] as const),
);

/** What the text log calls an event. */
export function eventText(event: string): string {
  return TEXTS.get(event) ?? event;
}
