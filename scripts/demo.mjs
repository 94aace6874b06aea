// @ts-check
// From nothing to synced destinations: runs the example project on a copy in .demo/, against simulated platforms on
// loopback; lets a day pass in the shop; runs it again; and holds what each destination has against the segment.
// Exits non-zero when a step fails or a destination differs.

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Commands, StepError } from './demo-commands.mjs';
import { Expectations } from './demo-compare.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, '.demo');
const PROJECT = join(FOLDER, 'shop');

/** @typedef {{ activation: string, status: string, reason: string | null, mode: string, planned: Counts, accepted: Counts, rejected: number, deferred: number, unknown: number, invalid: number, unchanged: number }} Activation */
/** @typedef {{ insert: number, update: number, delete: number } | null} Counts */

/** @param {string} text */
const say = (text) => process.stdout.write(`${text}\n`);

function copyProject() {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const leaveOut = /(^|\/)(target|logs|dbt_packages|exports|models\/dinmo)$|\.duckdb(\.wal)?$/;
  cpSync(join(ROOT, 'example-dbt-project'), PROJECT, { recursive: true, filter: (file) => !leaveOut.test(file) });
  const packages = join(PROJECT, 'packages.yml');
  writeFileSync(packages, readFileSync(packages, 'utf8').replace('local: ..', 'local: ../..'));
}

/** @param {readonly Activation[]} activations */
function printActivations(activations) {
  const rows = activations.map((one) => {
    const counts = one.accepted ?? one.planned;
    return [
      one.activation,
      one.status,
      counts?.insert ?? '',
      counts?.update ?? '',
      counts?.delete ?? '',
      one.invalid ?? '',
      one.unchanged ?? '',
    ];
  });
  printTable(['activation', 'status', 'insert', 'update', 'delete', 'invalid', 'unchanged'], rows);
}

/** @param {readonly string[]} header @param {readonly (readonly (string | number)[])[]} rows */
function printTable(header, rows) {
  const table = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  for (const row of table) {
    const cells = row.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    say(`    ${cells.join('  ').trimEnd()}`);
  }
}

/** @param {{ commands: Commands, expectations: Expectations, day: 1 | 2 }} wish */
async function runDay({ commands, expectations, day }) {
  say(
    day === 1
      ? '\nDay 1 — the shop as it stood yesterday'
      : '\nDay 2 — customers joined, left, moved and changed their address; orders and events came in',
  );
  await commands.node('Write the seeds', [
    'scripts/make-seeds.mjs',
    '--day',
    String(day),
    '--out',
    join(PROJECT, 'seeds'),
  ]);
  if (day === 1) {
    await commands.dbt('dbt deps', ['deps']);
    await commands.dbt('dbt build', ['build']);
    await commands.dinmo('dinmo check', ['check']);
    await commands.dinmo('dinmo generate', ['generate']);
    await commands.dbt('dbt build, with the segments', ['build']);
    const planned = await commands.dinmoJson('dinmo plan', ['plan', '--sandbox']);
    printActivations(planned.activations);
  } else {
    await commands.dinmo('dinmo generate --check', ['generate', '--check']);
    await commands.dbt('dbt build', ['build']);
  }
  const synced = await commands.dinmoJson('dinmo sync', ['sync', '--sandbox']);
  printActivations(synced.activations);
  await expectations.observe();
  return /** @type {readonly Activation[]} */ (synced.activations);
}

/** The second sync must send changes and not everything. @param {readonly Activation[]} first @param {readonly Activation[]} second */
function onlyChangesWentOut(first, second) {
  const sent = (/** @type {readonly Activation[]} */ activations) =>
    activations
      .filter((one) => one.mode !== 'full')
      .reduce(
        (sum, { accepted }) => sum + (accepted?.insert ?? 0) + (accepted?.update ?? 0) + (accepted?.delete ?? 0),
        0,
      );
  say(
    `\nSent on day 1: ${sent(first)} rows; on day 2, only what changed: ${sent(second)} rows (without files that are replaced whole).`,
  );
  return sent(second) > 0 && sent(second) < sent(first) / 2;
}

async function main() {
  const started = Date.now();
  copyProject();
  const commands = new Commands({ root: ROOT, project: PROJECT });
  try {
    const url = await commands.startSandbox();
    say(`The platforms are simulated at ${url}`);
    const expectations = new Expectations(PROJECT);
    const first = await runDay({ commands, expectations, day: 1 });
    const second = await runDay({ commands, expectations, day: 2 });
    const sparing = onlyChangesWentOut(first, second);
    say('\nWhat each destination holds, and the segment that it should equal:\n');
    const comparison = await expectations.compare(url);
    printTable(
      ['destination', 'activation', 'holds', 'segment', '', 'same'],
      comparison.map((row) => [
        row.destination,
        row.activation,
        row.holds,
        row.wanted,
        row.unit,
        row.same ? 'yes' : 'NO',
      ]),
    );
    for (const row of comparison.filter((one) => !one.same))
      say(`\n${row.destination} (${row.activation}): ${row.difference}`);
    const equal = comparison.every((row) => row.same);
    say(
      `\n${equal && sparing ? 'Every destination equals its segment.' : 'Something differs.'} ${((Date.now() - started) / 1000).toFixed(0)} s in all; the project stands in .demo/shop.`,
    );
    process.exitCode = equal && sparing ? 0 : 1;
  } finally {
    await commands.close();
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
