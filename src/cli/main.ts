#!/usr/bin/env node
import { readAbout } from '../about.ts';
import { isNewEnough, oldNodeText } from './node-version.ts';
import type { Shell } from './shell.ts';
import { listenToSignals } from './signals.ts';

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

const { version, node } = readAbout();
const [argument, ...others] = process.argv.slice(2);
if (!isNewEnough(process.versions.node, node)) {
  process.stderr.write(oldNodeText(process.versions.node, node));
  process.exitCode = 2;
} else if ((argument === '--version' || argument === '-V') && others.length === 0) {
  // What scripts ask most often needs no program.
  process.stdout.write(`${version}\n`);
} else await run(version);
