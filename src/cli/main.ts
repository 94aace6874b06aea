#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runProgram } from './program.ts';
import type { Shell } from './shell.ts';
import { listenToSignals } from './signals.ts';

/** The version of the package, which stands beside dist/ as beside src/. */
function readVersion(): string {
  const content: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const isPackage = typeof content === 'object' && content !== null && 'version' in content;
  return isPackage ? String(content.version) : 'unknown';
}

const { signal } = listenToSignals(() => {
  process.stderr.write('\nEnding: what is under way is finished and recorded. Once more ends at once.\n');
});
const shell: Shell = {
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  signal,
  setExitCode: (code) => {
    process.exitCode = code;
  },
};
// A reader that closed its end (`| head`) must not end a sync in the middle.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
await runProgram(shell, readVersion());
