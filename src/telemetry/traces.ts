import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { LogData } from '../log.ts';
import type { Variables } from './wanted.ts';

/** Events that one span of a delivery holds at most: a large sync has many thousand batches. */
const SPAN_EVENTS_MAX = 100;

/** An activation that is under way. */
interface Open {
  readonly span: Span;
  readonly inside: Context;
  delivery: { readonly span: Span; events: number } | null;
}

/** Attributes of our own begin so. */
const OURS = 'dinmo.';

/** Stages that are over when their event comes: event → span. */
const STAGES: Readonly<Record<string, string>> = {
  'gate.judged': 'gate',
  'plan.computed': 'plan',
  'run.settled': 'settle',
};

/** Makes spans of the events of the log: command → activation → gate, plan, deliver, settle. */
export class Traces {
  readonly #tracer: Tracer;
  readonly #parent: Context;
  #command: { readonly span: Span; readonly inside: Context } | null = null;
  readonly #open = new Map<string, Open>();

  /** `TRACEPARENT` and `TRACESTATE` name the span of whoever started this process. */
  constructor(version: string, env: Variables) {
    this.#tracer = trace.getTracer('dbt-dinmo', version);
    const carrier = { traceparent: env['TRACEPARENT'], tracestate: env['TRACESTATE'], baggage: env['BAGGAGE'] };
    this.#parent = propagation.extract(ROOT_CONTEXT, carrier);
  }

  note(event: string, data: LogData): void {
    if (event === 'command.started') this.#begin(data);
    else if (event === 'command.failed' || event === 'command.stopped') this.#fail(data);
    else if (event === 'command.finished') this.#finish(data);
    else if (event === 'activation.started') this.#start(data);
    else {
      const open = this.#open.get(String(data['activation']));
      if (open !== undefined) this.#inside(open, event, data);
    }
  }

  #inside(open: Open, event: string, data: LogData): void {
    const stage = STAGES[event];
    if (stage !== undefined) this.#stage(open, stage, data);
    else if (event === 'delivery.started') this.#deliver(open, data);
    else if (event === 'delivery.finished') endDelivery(open, data);
    else if (event === 'activation.finished') this.#end(open, data);
    else if (open.delivery === null) open.span.addEvent(event, attributesOf(data));
    else if (open.delivery.events++ < SPAN_EVENTS_MAX) open.delivery.span.addEvent(event, attributesOf(data));
  }

  /** Ends what was left open: the command was interrupted, or it does not tell the end. */
  end(): void {
    for (const open of this.#open.values()) {
      endDelivery(open, {});
      open.span.end();
    }
    this.#open.clear();
    this.#command?.span.end();
    this.#command = null;
  }

  #begin(data: LogData): void {
    const attributes = attributesOf(data);
    const kind = SpanKind.INTERNAL;
    const span = this.#tracer.startSpan(`dinmo ${String(data['command'])}`, { attributes, kind }, this.#parent);
    this.#command = { span, inside: trace.setSpan(this.#parent, span) };
  }

  #fail(data: LogData): void {
    const message = String(data['message']);
    this.#command?.span.recordException({ name: String(data['code']), message });
    this.#command?.span.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  #finish(data: LogData): void {
    const span = this.#command?.span;
    span?.setAttributes(attributesOf(data));
    if (Number(data['exit_code']) > 0) span?.setStatus({ code: SpanStatusCode.ERROR });
    this.end();
  }

  #start(data: LogData): void {
    const outside = this.#command?.inside ?? context.active();
    const span = this.#tracer.startSpan('activation', { attributes: attributesOf(data) }, outside);
    this.#open.set(String(data['activation']), { span, inside: trace.setSpan(outside, span), delivery: null });
  }

  #stage(open: Open, name: string, data: LogData): void {
    const now = Date.now();
    const startTime = now - Number(data['duration_ms'] ?? 0);
    const span = this.#tracer.startSpan(name, { attributes: attributesOf(data), startTime }, open.inside);
    if (data['open'] === false) span.setStatus({ code: SpanStatusCode.ERROR, message: String(data['reason']) });
    span.end(now);
  }

  #deliver(open: Open, data: LogData): void {
    const span = this.#tracer.startSpan('deliver', { attributes: attributesOf(data) }, open.inside);
    open.delivery = { span, events: 0 };
  }

  #end(open: Open, data: LogData): void {
    endDelivery(open, {});
    open.span.setAttributes(attributesOf(data));
    const status = String(data['status']);
    if (['failed', 'partial', 'blocked'].includes(status)) {
      const message = String(data['reason'] ?? status);
      open.span.recordException({ name: `activation ${status}`, message });
      open.span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    open.span.end();
    this.#open.delete(String(data['activation']));
  }
}

function endDelivery(open: Open, data: LogData): void {
  const { delivery } = open;
  open.delivery = null;
  if (delivery === null) return;
  const untold = Math.max(0, delivery.events - SPAN_EVENTS_MAX);
  delivery.span.setAttributes({ ...attributesOf(data), ...(untold > 0 ? { [`${OURS}events_left_out`]: untold } : {}) });
  if (typeof data['stop'] === 'string')
    delivery.span.setStatus({ code: SpanStatusCode.ERROR, message: String(data['stop']) });
  delivery.span.end();
}

/** `accepted_insert` becomes `dinmo.rows.accepted.insert`, all else `dinmo.<key>`; what is null is left out. */
function attributesOf(data: LogData): Attributes {
  const attributes: Attributes = {};
  for (const [key, value] of Object.entries(data)) if (value !== null) attributes[nameOf(key)] = value;
  return attributes;
}

const ROWS = /^(?:planned|accepted|rejected|deferred|unknown|invalid|unchanged|parked)(?:_|$)/;

function nameOf(key: string): string {
  if (ROWS.test(key)) return `${OURS}rows.${key.replace('_', '.')}`;
  return `${OURS}${key}`;
}
