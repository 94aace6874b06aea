import { createHash } from 'node:crypto';
import { maskField } from './page-mask.ts';
import type {
  AudienceState,
  DestinationState,
  EventSetState,
  FileState,
  ObjectSetState,
  SandboxState,
} from './sandbox-state.ts';

const STYLE = `
:root{color-scheme:light dark;font:15px/1.45 system-ui,sans-serif}
body{margin:0 auto;max-width:70rem;padding:1.5rem}
h1{font-size:1.3rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .3rem;border-top:1px solid #8884;padding-top:1rem}h3{font-size:1rem;margin:1rem 0 .2rem}
table{border-collapse:collapse;width:100%;margin:.3rem 0 .8rem}th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8883;vertical-align:top}
td.n,th.n{text-align:right}code,.small{font-size:.85rem}.small{opacity:.75}.bad{color:#c22}
`;

/** Nothing is loaded, no script runs, the page cannot be framed. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
};

/** The state as a page to read, with personal data masked. Everything that came over the wire is escaped. */
export function renderPage(state: SandboxState): string {
  const body =
    state.destinations.length === 0
      ? '<p>Nothing has been sent yet. Run <code>dinmo sync --sandbox</code> in your project.</p>'
      : state.destinations.map(renderDestination).join('');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5">
<title>dinmo sandbox</title><style>${STYLE}</style></head><body>
<h1>dinmo sandbox</h1>
<p class="small">Simulated platforms at <code>${escapeHtml(state.url)}</code>, instance <code>${escapeHtml(state.instance)}</code>, empty at ${escapeHtml(state.startedAt)}.
Fault rate ${state.faults.rate}, latency ${state.faults.latencyMs} ms. Personal data is masked here; <a href="/state">/state</a> has everything.</p>
${body}
</body></html>
`;
}

function renderDestination(state: DestinationState): string {
  const { requests, violations, log } = state;
  const faults = Object.entries(state.faults).map(([kind, count]) => `${kind} ${count}`);
  const statuses = Object.entries(requests.statuses).map(([status, count]) => `${status} × ${count}`);
  const latest = violations.latest.slice(-5).map((one) => [one.at, one.rule, one.detail]);
  return `<h2>${escapeHtml(state.destination)} <span class="small">${escapeHtml(state.platform)}</span></h2>
${table(
  ['requests', 'answers', 'rows', 'rejected', 'violations', 'faults injected'],
  [[requests.total, statuses.join(', '), requests.rows, state.rejected, violations.count, faults.join(', ') || 'none']],
)}${state.audiences.map(renderAudience).join('')}${state.events.map(renderEvents).join('')}${state.objects.map(renderObjects).join('')}${renderFiles(state.files)}
${latest.length === 0 ? '' : `<h3 class="bad">Violations, latest</h3>${table(['at', 'rule', 'detail'], latest)}`}
${
  log.length === 0
    ? ''
    : `<h3>Requests, latest</h3>${table(
        ['at', 'request', 'status', 'rows', 'rejected', 'fault'],
        log
          .slice(-5)
          .reverse()
          .map((entry) => [
            entry.at,
            `${entry.method} ${entry.path}`,
            entry.status ?? 'connection cut',
            entry.rows,
            entry.rejected,
            entry.fault ?? '',
          ]),
      )}`
}`;
}

function renderAudience(audience: AudienceState): string {
  const rows = audience.members.map((member) => [renderFields(member)]);
  const heading = `<h3>Audience ${escapeHtml(audience.name)} <span class="small">${escapeHtml(audience.id)} of ${escapeHtml(audience.owner)}</span></h3>`;
  const counts = table(['size', 'added', 'removed'], [[audience.size, audience.added, audience.removed]]);
  return `${heading}${counts}${rows.length === 0 ? '' : table(['latest members'], rows)}`;
}

function renderEvents(set: EventSetState): string {
  const rows = set.events.map((event) => [renderFields(event)]);
  const heading = `<h3>Events of ${escapeHtml(set.id)}</h3>`;
  const counts = table(['held', 'received', 'duplicates'], [[set.size, set.received, set.duplicates]]);
  return `${heading}${counts}${rows.length === 0 ? '' : table(['latest events'], rows)}`;
}

function renderObjects(set: ObjectSetState): string {
  const rows = set.records.map((record) => [maskField('key', record.id), renderFields(record.fields)]);
  const heading = `<h3>Objects ${escapeHtml(set.type)}</h3>`;
  const counts = table(['size', 'created', 'updated', 'deleted'], [[set.size, set.created, set.updated, set.deleted]]);
  return `${heading}${counts}${rows.length === 0 ? '' : table(['key', 'latest'], rows)}`;
}

function renderFiles(files: readonly FileState[]): string {
  if (files.length === 0) return '';
  return `<h3>Files</h3>${table(
    ['file', 'rows', 'bytes'],
    files.map(({ path, rows, bytes }) => [path, rows ?? '–', bytes]),
  )}`;
}

function renderFields(fields: Readonly<Record<string, unknown>>): string {
  const text = Object.entries(fields)
    .map(([name, value]) => `${name}=${maskField(name, value)}`)
    .join('  ');
  return text.length > 500 ? `${text.slice(0, 499)}…` : text;
}

function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cell = (tag: 'th' | 'td', value: string | number): string =>
    `<${tag}${typeof value === 'number' ? ' class="n"' : ''}>${escapeHtml(String(value))}</${tag}>`;
  const numeric = (rows[0] ?? []).map((value) => typeof value === 'number');
  const head = columns
    .map((name, index) => `<th${numeric[index] ? ' class="n"' : ''}>${escapeHtml(name)}</th>`)
    .join('');
  const body = rows.map((row) => `<tr>${row.map((value) => cell('td', value)).join('')}</tr>`).join('');
  return `<table><tr>${head}</tr>${body}</table>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
