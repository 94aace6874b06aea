import { type Attributes, type Counter, type Gauge, type Histogram, metrics } from '@opentelemetry/api';
import type { LogData } from '../log.ts';

/** Makes metrics of the events of the log. */
export class Measures {
  readonly #rows: Counter;
  readonly #duration: Histogram;
  readonly #command: Histogram;
  readonly #segment: Gauge;
  readonly #age: Gauge;

  constructor(version: string) {
    const meter = metrics.getMeter('dbt-dinmo', version);
    this.#rows = meter.createCounter('dinmo.rows', { unit: '{row}', description: 'Rows by outcome and operation.' });
    const seconds = { unit: 's', advice: { explicitBucketBoundaries: [0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600] } };
    this.#duration = meter.createHistogram('dinmo.activation.duration', {
      ...seconds,
      description: 'How long an activation took.',
    });
    this.#command = meter.createHistogram('dinmo.command.duration', {
      ...seconds,
      description: 'How long a command took.',
    });
    this.#segment = meter.createGauge('dinmo.segment.rows', { unit: '{row}', description: 'Rows of the segment.' });
    this.#age = meter.createGauge('dinmo.last_success.age', {
      unit: 's',
      description: 'Time since the activation last succeeded.',
    });
  }

  note(event: string, data: LogData): void {
    if (event === 'activation.finished') this.#activation(data);
    if (event === 'command.finished')
      this.#command.record(Number(data['duration_ms']) / 1000, {
        'dinmo.command': String(data['command']),
        'dinmo.exit_code': Number(data['exit_code']),
      });
  }

  #activation(data: LogData): void {
    const about = {
      'dinmo.activation': String(data['activation']),
      'dinmo.destination': String(data['destination']),
    };
    if (typeof data['segment_rows'] === 'number') this.#segment.record(data['segment_rows'], about);
    if (typeof data['last_success_age_s'] === 'number') this.#age.record(data['last_success_age_s'], about);
    if (data['status'] === 'planned') return;
    const add = (key: string, attributes: Attributes): void => {
      const rows = data[key];
      if (typeof rows === 'number') this.#rows.add(rows, { ...about, ...attributes });
    };
    for (const operation of ['insert', 'update', 'delete'])
      add(`accepted_${operation}`, { 'dinmo.outcome': 'accepted', 'dinmo.operation': operation });
    for (const outcome of ['rejected', 'deferred', 'unknown', 'invalid']) add(outcome, { 'dinmo.outcome': outcome });
    this.#duration.record(Number(data['duration_ms']) / 1000, { ...about, 'dinmo.status': String(data['status']) });
  }
}
