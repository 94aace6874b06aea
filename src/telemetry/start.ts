import { context, DiagLogLevel, diag, metrics, propagation, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { readAbout } from '../about.ts';
import { messageOf } from '../errors.ts';
import { type Logger, mask } from '../log.ts';
import { Measures } from './measures.ts';
import { Traces } from './traces.ts';
import type { TelemetryWishes, Variables } from './wanted.ts';

/** How long a collector may take to answer, and so how much longer a command may take for it, in milliseconds. */
const FLUSH_MS_MAX = 2_000;

/** Listens to the log, and exports traces and metrics of it. */
export interface Telemetry {
  readonly logger: Logger;
  /** Sends what is left, for two seconds at most. Never throws. */
  end(): Promise<void>;
}

/**
 * Starts OpenTelemetry's SDK as its standard variables say. What cannot be exported is told to `log` and changes nothing else.
 * SDK: @opentelemetry/sdk-node 0.301, which reads `process.env`.
 */
export function startTelemetry(
  wishes: TelemetryWishes,
  { log, env }: { readonly log: Logger; readonly env: Variables },
): Telemetry {
  const faults: string[] = wishes.refused.map((name) => `there is no exporter ${name} here, only otlp`);
  const { version } = readAbout();
  const sdk = wishes.traces || wishes.metrics ? startSdk(wishes) : null;
  const fault = (message: string, ...rest: readonly unknown[]): void => {
    faults.push([message, ...rest].map((part) => (part instanceof Error ? part.message : String(part))).join(' '));
  };
  const silent = (): void => {};
  diag.setLogger(
    { error: fault, warn: fault, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  log.debug('telemetry.started', { traces: wishes.traces, metrics: wishes.metrics });
  const traces = wishes.traces ? new Traces(version, env) : null;
  const measures = wishes.metrics ? new Measures(version) : null;
  const note = (event: string, data: Parameters<Logger['info']>[1] = {}): void => {
    const masked = Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? mask(value) : value]),
    );
    traces?.note(event, masked);
    measures?.note(event, masked);
  };
  return {
    logger: { debug: note, info: note, warn: note },
    async end() {
      traces?.end();
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), FLUSH_MS_MAX);
      const ended = (sdk?.shutdown() ?? Promise.resolve()).catch((thrown: unknown) => fault(messageOf(thrown)));
      await Promise.race([ended, new Promise((resolve) => late.signal.addEventListener('abort', resolve))]);
      clearTimeout(timer);
      if (late.signal.aborted) faults.push('the collector did not answer in time');
      // A process may run one command after another.
      for (const api of [diag, trace, metrics, propagation, context]) api.disable();
      const [first] = faults;
      if (first !== undefined) log.warn('telemetry.failed', { reason: mask(plainFault(first)) });
    },
  };
}

/** What the SDK says of an error is JSON with a stack. */
function plainFault(text: string): string {
  const [, message = text] = /"message":"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  return (message.split('\n')[0] ?? '').slice(0, 300);
}

/** The SDK reads the process's environment when its parts are made: for so long it sees what a command can keep to. */
function startSdk(wishes: TelemetryWishes): NodeSDK {
  const ours: Record<string, string> = {
    OTEL_TRACES_EXPORTER: wishes.traces ? 'otlp' : 'none',
    OTEL_METRICS_EXPORTER: wishes.metrics ? 'otlp' : 'none',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_LOG_LEVEL: 'NONE',
    // The default would tell the arguments of the process and the name of its user. Later ones win: `env` is the user's own.
    OTEL_NODE_RESOURCE_DETECTORS: process.env['OTEL_NODE_RESOURCE_DETECTORS'] || 'serviceinstance,host,env',
  };
  for (const signal of ['', 'TRACES_', 'METRICS_']) {
    const name = `OTEL_EXPORTER_OTLP_${signal}TIMEOUT`;
    const stated = Number(process.env[name] || FLUSH_MS_MAX);
    if (signal === '' || process.env[name] !== undefined) ours[name] = String(Math.min(stated, FLUSH_MS_MAX));
  }
  const before = Object.keys(ours).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, ours);
  try {
    const hasName =
      (process.env['OTEL_SERVICE_NAME'] ?? '') !== '' ||
      /(?:^|,)\s*service\.name=/.test(process.env['OTEL_RESOURCE_ATTRIBUTES'] ?? '');
    const sdk = new NodeSDK(hasName ? {} : { serviceName: 'dinmo' });
    sdk.start();
    return sdk;
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
