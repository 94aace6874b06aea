#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { isNewEnough, oldNodeText } from './node-version.ts';
import type { Shell } from './shell.ts';
import { listenToSignals } from './signals.ts';

/** Version and wanted Node of the package, whose package.json stands beside dist/ as beside src/. */
function readPackage(): { readonly version: string; readonly node: string } {
  const content: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { version, engines } = content as { readonly version: string; readonly engines: { readonly node: string } }; // our own file
  return { version, node: engines.node };
}

async function run(version: string): Promise<void> {
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
  const { runProgram } = await import('./program.ts');
  await runProgram(shell, version);
}

const { version, node } = readPackage();
if (isNewEnough(process.versions.node, node)) await run(version);
else {
  process.stderr.write(oldNodeText(process.versions.node, node));
  process.exitCode = 2;
}
