import { idAt } from './dbt-cloud-run.ts';
import { parseJson, textAt } from './json-file.ts';
import { isMap } from './shape.ts';

/** The only event that is acted on: dbt Cloud sends it once a run has ended, well or not, and its artifacts can be fetched. */
export const RUN_COMPLETED = 'job.run.completed';

/** A webhook of dbt Cloud, as far as it is used. Ids are null where the payload has none. */
export interface CloudEvent {
  readonly eventId: string;
  /** `job.run.started`, `job.run.completed`, `job.run.errored`. */
  readonly eventType: string;
  readonly accountId: string | null;
  readonly jobId: string | null;
  readonly runId: string | null;
  /** 10 success, 20 error, 30 cancelled; null where it is not said. */
  readonly runStatusCode: number | null;
}

/** Reads the body of a webhook. Null for what is not one; nothing of it is quoted. */
export function readCloudEvent(body: string): CloudEvent | null {
  const root = parsed(body);
  if (!isMap(root)) return null;
  const eventId = textAt(root, 'eventId');
  const eventType = textAt(root, 'eventType');
  if (eventId === null || eventType === null || !/^[\w.:-]{1,200}$/.test(eventId) || !/^[\w.]{1,100}$/.test(eventType))
    return null;
  const data = isMap(root['data']) ? root['data'] : {};
  const code = Number(data['runStatusCode'] ?? Number.NaN);
  return {
    eventId,
    eventType,
    accountId: idAt(root, 'accountId'),
    jobId: idAt(data, 'jobId'),
    runId: idAt(data, 'runId'),
    runStatusCode: Number.isInteger(code) ? code : null,
  };
}

function parsed(body: string): unknown {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}
