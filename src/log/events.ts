import { LISTEN_EVENTS } from './listen-events.ts';

/** How loud an event is: `debug` only with --debug, `info` with --debug or as JSON, `warn` always, but with --quiet. */
export type LogLevel = 'debug' | 'info' | 'warn';

/** One event of the log. Names and keys are stable; docs/logs.md is written from this table. */
export interface LogEventDoc {
  readonly event: string;
  readonly level: LogLevel;
  /** Name → meaning, of what only this event says; the keys of `SUBJECT_KEYS` may stand in every line. */
  readonly keys: Readonly<Record<string, string>>;
  readonly meaning: string;
  /** What the text log says in place of the name. */
  readonly text?: string;
  /** It takes more than a sync against simulated platforms to see it. */
  readonly rare?: true;
}

/** Keys that say what a line is about, in every line in which it is known. */
export const SUBJECT_KEYS: Readonly<Record<string, string>> = {
  sync_id: 'the command that synced: `sync_id` of `runs`, the same for all activations of one command',
  run_id: 'the run of one activation: `run_id` of `runs`',
  activation: 'the activation: `<segment or entity>.<name>`',
  destination: 'the destination, as `dinmo.yml` names it',
};

const DURATION = 'how long it took, in milliseconds';
const CODE = 'the code of the answer or error';
const OPERATIONS = (what: string): Readonly<Record<string, string>> => ({
  [`${what}_insert`]: `inserts ${what}`,
  [`${what}_update`]: `updates ${what}`,
  [`${what}_delete`]: `removals ${what}`,
});
const OUTCOMES = {
  ...OPERATIONS('accepted'),
  rejected: 'rows that the destination refused',
  deferred: 'rows put off to the next run',
  unknown: 'rows without a clear answer',
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

const ACTIVATION_EVENTS: readonly LogEventDoc[] = [
  {
    event: 'activation.started',
    level: 'info',
    keys: { mode: 'full, incremental or delta', last_success_at: 'the end of the last run that succeeded; null: none' },
    meaning: 'An activation is looked at.',
  },
  {
    event: 'gate.judged',
    level: 'info',
    keys: { open: 'whether it lets this activation pass', reason: 'what blocks it', duration_ms: DURATION },
    meaning: 'What the gate says of the models behind the activation.',
  },
  {
    event: 'lease.held',
    level: 'info',
    keys: { host: 'where the other process runs', pid: 'its number there' },
    meaning: 'Another sync of this activation is under way; it is waited for.',
    rare: true,
  },
  {
    event: 'lease.waited',
    level: 'info',
    keys: { waited_ms: DURATION },
    meaning: 'That wait is over, and the activation is ours.',
    rare: true,
  },
  {
    event: 'lease.not_renewed',
    level: 'debug',
    keys: { reason: 'why' },
    meaning: 'The lock of the activation could not be renewed this time; it is tried again.',
    rare: true,
  },
  {
    event: 'run.recovered',
    level: 'info',
    keys: { recovered_run_id: 'the run that was closed' },
    meaning: 'A run that had died was closed: what was acknowledged counts, what may have gone out is sent again.',
    rare: true,
  },
  {
    event: 'plan.computed',
    level: 'info',
    keys: {
      ...OPERATIONS('planned'),
      invalid: 'rows that cannot be valid for this destination',
      unchanged: 'rows that it already has',
      parked: 'rejected rows that are not tried again',
      segment_rows: 'rows of the segment or entity',
      snapshot_rows: 'rows that the destination had acknowledged',
      duration_ms: DURATION,
    },
    meaning: 'What the destination would receive is known.',
  },
  {
    event: 'guard.tripped',
    level: 'info',
    keys: { guard: 'which', message: 'why', overridden: 'whether an option let this run pass all the same' },
    meaning: 'A guard on removals is not content with the plan.',
  },
  {
    event: 'run.settled',
    level: 'info',
    keys: { ...OUTCOMES, duration_ms: DURATION },
    meaning: 'The snapshot holds what was acknowledged, and the run is closed.',
  },
  {
    event: 'activation.unexpected',
    level: 'debug',
    keys: { stack: 'the places of its stack' },
    meaning: 'A fault of dbt-dinmo in one activation; the others go on.',
    rare: true,
  },
  {
    event: 'activation.finished',
    level: 'info',
    keys: {
      status: 'planned, skipped, blocked, failed, partial or succeeded',
      reason: 'what a person should know; null: nothing',
      exit_code: 'what it adds to the exit code of the command',
      mode: 'full, incremental or delta',
      ...OPERATIONS('planned'),
      ...OUTCOMES,
      invalid: 'rows that cannot be valid for this destination',
      unchanged: 'rows that it already had',
      segment_rows: 'rows of the segment or entity',
      last_success_age_s: 'seconds since the last run that succeeded; 0 when this one did; null: none ever',
      duration_ms: DURATION,
    },
    meaning: 'What became of the activation. Counts are null where they were not computed.',
  },
];

const DELIVERY_EVENTS: readonly LogEventDoc[] = [
  { event: 'delivery.started', level: 'info', keys: { changes: 'changes to send' }, meaning: 'Sending begins.' },
  {
    event: 'delivery.progressed',
    level: 'info',
    keys: { stage: 'gate, plan, deliver or record', done: 'rows done', total: 'rows in all; null: not known' },
    meaning: 'How far it is, every ten seconds. Only as JSON.',
    rare: true,
  },
  {
    event: 'batch.delivered',
    level: 'debug',
    keys: {
      batch: 'the first and the last change, by number',
      rows: 'how many',
      outcome: 'accepted, mixed, refused or deferred',
      duration_ms: 'from the first request to the answer that counted, in milliseconds',
    },
    meaning: 'A batch has its outcome.',
  },
  {
    event: 'request.retried',
    level: 'info',
    keys: { batch: 'the batch', attempt: 'which one failed', code: CODE, after_ms: 'the pause that was asked for' },
    meaning: 'A request is to be made again.',
  },
  {
    event: 'rate.limited',
    level: 'info',
    keys: {
      code: CODE,
      after_ms: 'how long nothing is sent',
      account: 'whether the pause holds for the whole account',
    },
    meaning: 'The platform says that we are too fast.',
    rare: true,
  },
  {
    event: 'destination.retried',
    level: 'debug',
    keys: { what: 'the step', attempt: 'which one failed', code: CODE, after_ms: 'the pause' },
    meaning: 'A step of opening a destination is taken again.',
    rare: true,
  },
  {
    event: 'audience.renamed',
    level: 'info',
    keys: { audience: 'its id at the platform' },
    meaning: 'The audience took the name that the activation has now.',
    rare: true,
  },
  {
    event: 'audience.not_renamed',
    level: 'warn',
    text: 'the audience keeps its old name: the platform did not rename it',
    keys: { audience: 'its id at the platform' },
    meaning: 'The platform did not rename the audience; it is filled under its old name.',
    rare: true,
  },
  {
    event: 'delivery.finished',
    level: 'info',
    keys: { stop: 'the code of what ended it early; null: nothing did', duration_ms: DURATION },
    meaning: 'Sending is over.',
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
