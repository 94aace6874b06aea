// @ts-check
// The words of docs/logs.md; its tables come from src/log/events.ts.

import { LOG_EVENTS, SUBJECT_KEYS } from '../src/log/events.ts';

export const LOGS_TEXT = `Every command says on stderr what it does. With \`--log-format json\` each line there is one object, from the first to the
last; without it, warnings and errors are sentences for a person, and \`--debug\` adds the rest.

\`\`\`json
{"time":"2026-03-01T06:02:11.480Z","level":"info","event":"activation.finished","sync_id":"20260301T060209-5d0c1f0a3b",
 "activation":"vip_france.meta_customers","destination":"meta_customers","status":"partial","exit_code":1,"accepted_insert":412, …}
\`\`\`

| level | printed as text | printed as JSON |
|---|---|---|
| \`warn\` | always | always |
| \`info\` | with \`--debug\` | always |
| \`debug\` | with \`--debug\` | with \`--debug\` |

\`--quiet\` keeps back \`info\` and \`warn\` (what stops a command is still said). Names of events and keys are stable: new ones
may come, none changes its meaning. Texts hold no secret and no personal data: rows are counted, never shown. \`time\` is UTC,
durations are milliseconds (\`_ms\`) or seconds (\`_s\`).

Beside its own keys a line says what it is about, where that is known:`;

/**
 * @param {(header: readonly string[], rows: readonly (readonly string[])[]) => string} table
 * @returns {readonly string[]}
 */
export function logSections(table) {
  const subjects = table(
    ['key', 'meaning'],
    Object.entries(SUBJECT_KEYS).map(([key, text]) => [`\`${key}\``, text]),
  );
  const sections = LOG_EVENTS.map(({ title, events }) => {
    const rows = events.map(({ event, level, meaning, keys }) => [
      `\`${event}\``,
      level,
      meaning,
      Object.entries(keys)
        .map(([key, text]) => `\`${key}\`: ${text}`)
        .join('; '),
    ]);
    return `## ${title}\n\n${table(['event', 'level', 'meaning', 'keys'], rows)}`;
  });
  return [subjects, ...sections];
}
