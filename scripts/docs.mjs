// @ts-check
// Writes the parts of docs/ that come from the code. With --check it writes nothing, and exits 1 when a page is out of date.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FINDING_DOCS } from '../src/checks/registry.ts';
import { createProgram } from '../src/cli/program.ts';
import {
  CHANGE_COLUMNS,
  CHANGE_FIELD_HASHES,
  CHANGE_IDENTIFIER_COLUMNS,
  FIELD_HASHES,
  IDENTIFIER_COLUMNS,
  SHARED_TABLES,
  SNAPSHOT_COLUMNS,
} from '../src/diff/state-tables.ts';
import { LEDGER_TABLES } from '../src/models/ledger-columns.ts';
import { readErrors } from './docs-errors.mjs';
import { LOGS_TEXT, logSections } from './docs-logs.mjs';
import { platformPages } from './docs-platforms.mjs';
import { statementsPage } from './docs-statements.mjs';
import { ROW_CODES, SHAPE_FINDINGS, STATE_TEXTS } from './docs-words.mjs';
import { renderSchemas } from './schemas/render.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NOTE = '<!-- Written by scripts/docs.mjs from the code: change it there. -->\n';

/** A cell of a Markdown table. @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ').trim();

/** @param {readonly string[]} header @param {readonly (readonly string[])[]} rows */
function table(header, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

function cliPage() {
  const silent = { write: () => undefined, columns: 96 };
  const shell = {
    argv: [],
    env: {},
    cwd: ROOT,
    stdout: silent,
    stderr: silent,
    signal: new AbortController().signal,
    setExitCode: () => undefined,
  };
  const program = createProgram(shell, '');
  const commands = program.commands.map((command) => {
    const help = command.helpInformation().trimEnd();
    return `## dinmo ${command.name()}\n\n\`\`\`text\n${help}\n\`\`\``;
  });
  return ['# Commands', NOTE, CLI_TEXT, ...commands].join('\n\n');
}

const CLI_TEXT = `stdout carries the result and nothing else; progress, logs and problems go to stderr. On a terminal a line shows rows,
rate and time left; with \`CI\` set nothing is drawn.

With \`--output json\` every command prints one object with a key \`error\`: null, or \`{"code", "message"}\`. \`plan\`,
\`sync\`, \`run\`, \`retry\` and \`clear\` print

\`\`\`json
{"activations": [{"activation": "vip_france.meta_customers", "mode": "delta", "status": "succeeded",
  "planned": {"insert": 3, "update": 1, "delete": 2}, "accepted": {"insert": 3, "update": 1, "delete": 2},
  "rejected": 0, "deferred": 0, "unknown": 0, "invalid": 1, "unchanged": 1200, "reason": null}],
 "error": null}
\`\`\`

With \`--due\` there is also \`due\`: the time zone, and of each selected activation its schedule, whether it is due, since
when, and the next instant.

Every key is always present, null where it was not computed; but for \`bytes\`, which \`plan\` adds on BigQuery: what one look
at the rows of the activation would read, by a dry run. And \`remote\`, with \`plan --remote\`: the first 100 changes of each
phase were shown to the platform where it can be asked (Google), and this is what it says; nothing is applied, the gate and
the guards count as before, and a refusal makes the exit code 1. It needs the credentials. \`error\` is set when the command stopped before it computed
any activation; then \`activations\` is empty. Statuses: *planned* (\`plan\` only); *skipped*, nothing was meant to run;
*blocked*, by gate, guard or lock; *failed*, refused, or the destination or warehouse failed; *partial*, some rows were
rejected, deferred or unknown, or the run was interrupted; *succeeded* otherwise.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | findings; rejected, deferred or unknown rows; stopped by a gate, guard or lock; a job still open |
| 2 | usage or configuration |
| 3 | an artifact of dbt is missing or cannot be read |
| 4 | the warehouse or a destination failed; also what should never happen (\`unexpected\`) |

The highest of a run wins. Invalid rows, and parked ones reported before, do not change it.

The first SIGINT (Ctrl-C) or SIGTERM gives up a plan, cancelling the statement that runs in the warehouse; where requests went
out already, it lets those in flight end and records them. The second ends the process at once,
with 130 or 143, and the next sync recovers.

dbt's own options mean what they mean in dbt, and its variables stand behind them: \`DBT_PROJECT_DIR\`,
\`DBT_PROFILES_DIR\`, \`DBT_PROFILE\`, \`DBT_TARGET\`, \`DBT_TARGET_PATH\` (and \`DBT_ENGINE_…\`). \`DINMO_SANDBOX_URL\` is the
address that \`--sandbox\` means. \`NO_COLOR\` takes the colour away.`;

function tablesPage() {
  const ledger = LEDGER_TABLES.map(({ name, description, key, columns }) => {
    const rows = columns.map((column) => [`\`${column.name}\``, column.type, column.description]);
    return `## ${name}\n\n${description} Key: ${key.map((column) => `\`${column}\``).join(', ')}.\n\n${table(['column', 'type', 'meaning'], rows)}`;
  });
  /** @param {string} name @param {readonly { readonly name: string, readonly type: string }[]} columns */
  const state = (name, columns) =>
    `### ${name}\n\n${STATE_TEXTS[name] ?? ''}\n\nColumns: ${columns.map((column) => `\`${column.name}\``).join(', ')}.`;
  return [
    '# Tables in the warehouse',
    NOTE,
    TABLES_TEXT,
    ...ledger,
    '## Tables of the engine\n\nThese are listed so that nothing in your warehouse is a mystery. Read them if you like; their columns may change with a minor version, and nothing but dinmo may write them.',
    ...Object.entries(SHARED_TABLES).map(([name, columns]) => state(name, columns)),
    state('snapshot_<activation>', [...SNAPSHOT_COLUMNS, FIELD_HASHES]),
    state('identifiers_<activation>', IDENTIFIER_COLUMNS),
    state('changes_<activation>', [...CHANGE_COLUMNS, ...CHANGE_FIELD_HASHES]),
    state('change_identifiers_<activation>', CHANGE_IDENTIFIER_COLUMNS),
    `### copy_<time, host and process>\n\n${STATE_TEXTS['copy_<time, host and process>'] ?? ''}`,
  ].join('\n\n');
}

const TABLES_TEXT = `All state lives in the schema in which the generated model \`dinmo_delta_storage\` stands (\`DINMO_DELTA_STORAGE\`, as your
project names schemas), in the same database as your models; each target has its own. So settle how schemas are named before
the first sync: where that schema is called something else afterwards, nothing is known of what was sent before. With \`--sandbox\` it is that schema's
name with \`_SANDBOX\` behind it.

\`runs\` and \`rejections\` are public: their names and meanings are stable. The generated models \`sync_runs\` and
\`sync_rejections\` (schema \`DINMO_STATS\`) show them to the rest of your dbt project, also before the first sync.

What is kept, and how long: change tables go when a run is settled; of people who were removed, what a removal needs goes
when the destination has acknowledged it; rows of \`runs\` stay until you delete them.`;

function errorsPage() {
  const rows = readErrors().map(({ code, exitCode, message, fix }) => [`\`${code}\``, String(exitCode), message, fix]);
  return [
    '# Errors',
    NOTE,
    'What stops a command. The code is stable; the text says which thing is meant, where `…` stands here. Findings of `dinmo check` are in [checks.md](checks.md).',
    table(['code', 'exit code', 'what is wrong', 'what to do'], rows),
    '## Codes of rows\n\nA row that our own code refuses before sending is *invalid*; one that a destination refuses is *rejected*, most often with the destination’s own code. `dinmo status --rejected` lists the rejected ones.',
    table(
      ['code', 'meaning'],
      ROW_CODES.map(([code, text]) => [`\`${code}\``, text]),
    ),
  ].join('\n\n');
}

function checksPage() {
  const known = FINDING_DOCS.filter(
    (doc, index) => FINDING_DOCS.findIndex((other) => other.code === doc.code) === index,
  );
  const sections = known.map(({ code, severity, title, why, fix, bad, good }) => {
    const example = bad === '' ? '' : `\n\n\`\`\`yaml\n# not\n${bad}\n# but\n${good}\n\`\`\``;
    return `### ${code}\n\n*${severity}* · ${title}. ${why} ${fix}${example}`;
  });
  const shapes = SHAPE_FINDINGS.map(([code, severity, text]) => [`\`${code}\``, severity, text]);
  return [
    '# Findings of `dinmo check`',
    NOTE,
    'Each has a stable code, a severity, a place in your YAML and what to do. Errors stop `generate`, `plan` and `sync`; warnings and notes do not.',
    '## Reading the files',
    table(['code', 'severity', 'meaning'], shapes),
    '## What it adds up to',
    ...sections,
  ].join('\n\n');
}

/** Every page by its path in the repository. @returns {ReadonlyMap<string, string>} */
export function renderDocs() {
  const pages = {
    'docs/cli.md': cliPage(),
    'docs/warehouse-tables.md': tablesPage(),
    'docs/statements.md': statementsPage(ROOT, NOTE, table),
    'docs/errors.md': errorsPage(),
    'docs/checks.md': checksPage(),
    ...platformPages(ROOT, NOTE, table),
    'docs/logs.md': ['# The log', NOTE, LOGS_TEXT, ...logSections(table)].join('\n\n'),
  };
  const schemas = Object.entries(renderSchemas()).map(
    ([name, schema]) => /** @type {const} */ ([`schemas/${name}.schema.json`, `${JSON.stringify(schema, null, 1)}\n`]),
  );
  return new Map([
    ...Object.entries(pages).map(([path, text]) => /** @type {const} */ ([path, `${text.trimEnd()}\n`])),
    ...schemas,
  ]);
}

/** @param {string} path */
function readPage(path) {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return '';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = [...renderDocs()].filter(([path, text]) => readPage(path) !== text);
  for (const folder of ['docs/platforms', 'schemas']) mkdirSync(join(ROOT, folder), { recursive: true });
  for (const [path, text] of stale) {
    if (process.argv.includes('--check')) process.stdout.write(`${path} is out of date: run node scripts/docs.mjs\n`);
    else writeFileSync(join(ROOT, path), text);
  }
  if (process.argv.includes('--check') && stale.length > 0) process.exitCode = 1;
}
