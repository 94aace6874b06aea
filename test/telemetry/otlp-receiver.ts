import { type Call, isObject, type Platform, type Reply, readObject } from '../e2e/platforms/platform-server.ts';
import { observe } from '../privacy/observer.ts';

/** A value of OTLP's JSON. */
type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Attributes;
  readonly isError: boolean;
  readonly events: readonly string[];
  readonly durationMs: number;
}

export interface ReceivedPoint {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Attributes;
  /** Of a histogram its sum. */
  readonly value: number;
}

/** A collector that takes OTLP over HTTP as JSON (https://opentelemetry.io/docs/specs/otlp/, 1.x) and reads it. */
export class OtlpReceiver implements Platform {
  readonly spans: ReceivedSpan[] = [];
  readonly points: ReceivedPoint[] = [];
  readonly resources: Attributes[] = [];
  readonly refused: string[] = [];

  answer(call: Call): Reply {
    observe('telemetry', call.body);
    const body = readObject(call.body);
    if (call.headers['content-type'] !== 'application/json' || body === null) {
      this.refused.push(`${call.path} ${String(call.headers['content-type'])}`);
      return { status: 415 };
    }
    if (call.path === '/v1/traces') this.#traces(body);
    else if (call.path === '/v1/metrics') this.#metrics(body);
    else {
      this.refused.push(call.path);
      return { status: 404 };
    }
    return { status: 200, body: {} };
  }

  #traces(body: Record<string, unknown>): void {
    for (const resource of list(body['resourceSpans'])) {
      this.#resource(resource);
      for (const span of list(resource['scopeSpans']).flatMap((scope) => list(scope['spans']))) {
        const status = isObject(span['status']) ? span['status'] : {};
        this.spans.push({
          name: String(span['name']),
          traceId: String(span['traceId']),
          spanId: String(span['spanId']),
          parentSpanId: String(span['parentSpanId'] ?? ''),
          attributes: attributes(span['attributes']),
          isError: status['code'] === 2,
          events: list(span['events']).map((event) => String(event['name'])),
          durationMs: Number(
            (BigInt(String(span['endTimeUnixNano'])) - BigInt(String(span['startTimeUnixNano']))) / 1_000_000n,
          ),
        });
      }
    }
  }

  #metrics(body: Record<string, unknown>): void {
    for (const resource of list(body['resourceMetrics'])) {
      this.#resource(resource);
      for (const metric of list(resource['scopeMetrics']).flatMap((scope) => list(scope['metrics'])))
        for (const kind of ['sum', 'gauge', 'histogram']) {
          const data = metric[kind];
          for (const point of isObject(data) ? list(data['dataPoints']) : [])
            this.points.push({
              metric: String(metric['name']),
              unit: String(metric['unit']),
              attributes: attributes(point['attributes']),
              value: Number(point['asInt'] ?? point['asDouble'] ?? point['sum']),
            });
        }
    }
  }

  #resource(holder: Record<string, unknown>): void {
    if (isObject(holder['resource'])) this.resources.push(attributes(holder['resource']['attributes']));
  }
}

function list(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function attributes(value: unknown): Attributes {
  return Object.fromEntries(
    list(value).map(({ key, value: given }) => {
      const held = isObject(given) ? given : {};
      const number = held['intValue'] ?? held['doubleValue'];
      const text = held['stringValue'] ?? held['boolValue'];
      return [String(key), number === undefined ? (text as string | boolean) : Number(number)];
    }),
  );
}
