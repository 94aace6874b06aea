/** The environment, as a process has it. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What OpenTelemetry's standard variables ask for. */
export interface TelemetryWishes {
  readonly traces: boolean;
  readonly metrics: boolean;
  /** Exporters that were asked for and that a command does not have. */
  readonly refused: readonly string[];
}

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/**
 * What is to be exported; null: nothing, so that nothing of OpenTelemetry is loaded. The only exporter is `otlp`: stdout
 * carries the result, so that `console` has no place, and nobody would come in time to scrape a process that ends.
 *
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ (1.5x)
 */
export function wantedTelemetry(env: Variables): TelemetryWishes | null {
  if (text(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return null;
  const refused: string[] = [];
  const wants = (signal: 'TRACES' | 'METRICS'): boolean => {
    const exporters = (text(env, `OTEL_${signal}_EXPORTER`) ?? '').split(',').map((name) => name.trim());
    const named = exporters.filter((name) => name !== '');
    refused.push(...named.filter((name) => name !== 'otlp' && name !== 'none'));
    if (named.includes('none')) return false;
    if (named.length > 0) return named.includes('otlp');
    return text(env, ENDPOINT) !== null || text(env, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`) !== null;
  };
  const wishes = { traces: wants('TRACES'), metrics: wants('METRICS') };
  if (!wishes.traces && !wishes.metrics && refused.length === 0) return null;
  return { ...wishes, refused: [...new Set(refused)] };
}

function text(env: Variables, name: string): string | null {
  const value = env[name]?.trim() ?? '';
  return value === '' ? null : value;
}
