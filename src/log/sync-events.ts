import { DURATION, type LogEventDoc } from './event-doc.ts';

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

/** What is said of one activation. */
export const ACTIVATION_EVENTS: readonly LogEventDoc[] = [
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
    event: 'job.recovered',
    level: 'info',
    keys: { rows: 'of the job', outcome: 'what became of it; open: given up' },
    meaning: 'A job that an earlier run left open has ended: what it did is written down.',
    rare: true,
  },
  {
    event: 'run.left_open',
    level: 'info',
    keys: { jobs: 'how many are open' },
    meaning: 'A job is still open at the platform: the run is closed by a later one, which asks for it first.',
    rare: true,
  },
  {
    event: 'state.cleaned',
    level: 'info',
    keys: {},
    meaning: 'The state of an activation without a block was removed.',
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

/** What is said of sending. */
export const DELIVERY_EVENTS: readonly LogEventDoc[] = [
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
      outcome: 'accepted, mixed, refused, deferred, or open (its job has not ended)',
      duration_ms: 'from the first request to the answer that counted, in milliseconds',
    },
    meaning: 'A batch has its outcome.',
  },
  {
    event: 'job.submitted',
    level: 'debug',
    keys: { batch: 'the first and the last change, by number', after_ms: 'when to ask first; null: the usual delay' },
    meaning: 'The platform took a batch as a job that ends later. Its handle is written down.',
    rare: true,
  },
  {
    event: 'job.polled',
    level: 'debug',
    keys: {
      rows: 'of the job',
      polls: 'how often it was asked for',
      outcome: 'submitted: not done yet; retry: ask again',
    },
    meaning: 'A job was asked for.',
    rare: true,
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
  {
    event: 'google.field_warning',
    level: 'warn',
    keys: { reason: 'Google’s word for it', count: 'how often' },
    meaning: 'Google took a request and says that it has no use for a field of it.',
    rare: true,
  },
  {
    event: 'google.match_rate',
    level: 'info',
    keys: { range: 'the share of members whom Google knows, as a range' },
    meaning: 'Google says how many of the members that were sent it knows.',
    rare: true,
  },
  {
    event: 'google.replaced',
    level: 'info',
    keys: { members: 'members that were sent', removed_before: 'whoever was added before is removed' },
    meaning: 'Whoever was not sent was removed from the list (`replace: watermark`).',
    rare: true,
  },
  {
    event: 'google.not_replaced',
    level: 'warn',
    keys: { reason: 'why' },
    meaning: 'Nobody was removed by `replace: watermark`: members may be missing that belong to the list.',
    rare: true,
  },
];
