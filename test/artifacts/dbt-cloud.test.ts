import { describe, expect, test } from 'vitest';
import { readCloudEvent } from '../../src/artifacts/dbt-cloud-event.ts';
import { manifestSteps, readCloudRun, wantedResults } from '../../src/artifacts/dbt-cloud-run.ts';

function runOf(...names: readonly string[]) {
  const run_steps = names.map((name, index) => ({ index: index + 1, name, status: 10 }));
  return readCloudRun({ data: { id: 1, status: 10, run_steps } });
}

describe('the steps of a run', () => {
  test.each([
    ['Invoke dbt with `dbt build`', 'builds'],
    ['Invoke dbt with `dbt --warn-error build --select +tag:dinmo`', 'builds'],
    ['Invoke dbt with `dbt run --vars "{a: test}"`', 'builds'],
    ['dbt seed', 'builds'],
    ['Invoke dbt with `dbt retry`', 'builds'],
    ['Invoke dbt with `dbt test`', 'tests'],
    ['Invoke dbt with `dbt source freshness`', 'freshness'],
    ['Invoke dbt with `dbt source snapshot-freshness`', 'freshness'],
    ['Invoke dbt with `dbt freshness`', 'freshness'],
    ['Source freshness', 'freshness'],
    ['Invoke dbt with `dbt docs generate`', 'other'],
    ['Generate docs', 'other'],
    ['Invoke dbt with `dbt compile --select run`', 'other'],
    ['Invoke dbt with `dbt run-operation build`', 'other'],
    ['Invoke dbt with `dbt list --select test`', 'other'],
    ['Invoke dbt with `dbt deps`', 'other'],
    ['Clone git repository', 'other'],
    ['Create profile from connection run', 'other'],
    ['', 'other'],
  ])('%s: %s', (name, kind) => {
    expect(runOf(name)?.steps).toEqual([{ index: 1, kind, succeeded: true }]);
  });

  test('of the step that built last comes the manifest, of every step that built or tested the results', () => {
    const run = runOf(
      'Clone git repository',
      'Source freshness',
      'Invoke dbt with `dbt seed`',
      'Invoke dbt with `dbt run`',
      'Invoke dbt with `dbt test`',
      'Invoke dbt with `dbt docs generate`',
    );
    expect(run && manifestSteps(run)).toEqual([4, 3, 5]);
    expect(run && wantedResults(run)).toEqual([
      { step: 2, path: 'sources.json' },
      { step: 3, path: 'run_results.json' },
      { step: 4, path: 'run_results.json' },
      { step: 5, path: 'run_results.json' },
    ]);
  });

  test('what is no run is none, and what is odd in one is left out', () => {
    for (const odd of [null, [], {}, { data: null }, { data: { id: '1/../2' } }, { data: { id: -1 } }])
      expect(readCloudRun(odd)).toBeNull();
    const steps = [null, {}, { index: 0, name: 'dbt run' }, { index: '1' }, { index: 2, name: 5, status: 'x' }];
    expect(readCloudRun({ data: { id: 70471823456789, status: 3, run_steps: steps } })).toEqual({
      id: '70471823456789',
      status: 3,
      isFinal: false,
      steps: [{ index: 2, kind: 'other', succeeded: false }],
    });
  });
});

test('a webhook is read as far as it is used, and anything else is none', () => {
  const body = {
    accountId: 1,
    eventId: 'wev_2L6m5BggBw9uPNuSmtg4MUiW4Re',
    eventType: 'job.run.completed',
    data: { jobId: '2', runId: '3', runStatusCode: 20 },
  };
  expect(readCloudEvent(JSON.stringify(body))).toEqual({
    ...{ eventId: 'wev_2L6m5BggBw9uPNuSmtg4MUiW4Re', eventType: 'job.run.completed' },
    ...{ accountId: '1', jobId: '2', runId: '3', runStatusCode: 20 },
  });
  expect(readCloudEvent(JSON.stringify({ ...body, data: { runId: '../../etc' } }))?.runId).toBeNull();
  for (const odd of ['', '[]', '{', 'null', '{"eventId": 5}', '{"eventId": "../x", "eventType": "y"}'])
    expect(readCloudEvent(odd)).toBeNull();
});
