import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { DinmoError } from '../../errors.ts';
import { registerSecret } from '../../log.ts';
import {
  addGeneralOptions,
  addProjectOptions,
  addSandboxOption,
  addWarehouseOptions,
  type ProjectFlags,
  toCommandOptions,
} from '../options.ts';
import { printJson } from '../output.ts';
import { printFailure, runCommand, tellFailure } from '../session.ts';
import type { Shell } from '../shell.ts';

interface ForgetFlags extends ProjectFlags {
  readonly yes?: boolean;
  readonly keepExisting?: boolean;
  readonly receipt?: string;
}

/** `dinmo forget` */
export function forgetCommand(shell: Shell): Command {
  const command = new Command('forget')
    .summary('erase a person')
    .description(
      'Erases a person from every destination that can, from snapshots, rejections and the history of rows, and prints a receipt that names nobody. Without --yes it only counts. A person who is still in a model would be sent again: delete it at the source first.',
    )
    .argument('<entity>', 'the entity, such as customer')
    .argument('<key>', 'the primary key; of a composite one a JSON object: \'{"shop": 1, "id": 2}\'')
    .option('--yes', 'really erase')
    .option('--keep-existing', 'leave what was at a destination before: remove only what was sent')
    .option('--receipt <file>', 'write the receipt there as well, as JSON: a new file');
  addGeneralOptions(addSandboxOption(addWarehouseOptions(addProjectOptions(command))));
  return command.action((entity: string, key: string, flags: ForgetFlags) =>
    runCommand(shell, flags, {
      async run({ output, logger }) {
        if (isTelling(key)) registerSecret(key);
        const file = flags.receipt === undefined ? null : resolve(shell.cwd, flags.receipt);
        if (file !== null) requireNew(file);
        const { forgetPerson } = await import('../../index.ts');
        const { forgetJson, renderForget } = await import('../../report/forget-report.ts');
        const report = await forgetPerson({
          ...toCommandOptions(shell, flags),
          logger,
          ...{ entity, key, yes: flags.yes === true, keepExisting: flags.keepExisting === true },
        });
        if (report.error !== null) {
          const failure = { ...report.error, fix: null, location: null };
          // What was done before counts for more than what stopped the rest.
          if (report.activations.length > 0) tellFailure(output, failure);
          else {
            printFailure(output, failure);
            return report.exitCode;
          }
        }
        output.result({ text: (style) => renderForget(report, style), json: () => forgetJson(report) });
        if (file !== null) keep(file, printJson(forgetJson(report)));
        return report.exitCode;
      },
    }),
  );
}

/** Whether a key can be hidden wherever it turns up: a short number would be hidden in every count. */
function isTelling(key: string): boolean {
  return key.length >= 6;
}

/** A receipt proves what was done: one of a later run, which finds nothing any more, must not take its place. Throws DinmoError `receipt-exists`. */
function requireNew(file: string): void {
  if (!existsSync(file)) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'receipt-exists',
    message: `${file} exists, and a receipt is not written over. Nothing was done.`,
    fix: 'Give another file; each run has a receipt of its own.',
  });
}

/** Throws DinmoError `receipt-not-written`. */
function keep(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: 'wx' });
  } catch (thrown) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'receipt-not-written',
      message: `The receipt could not be written to ${file}. What was erased is erased, and stdout has the receipt.`,
      fix: 'Keep the receipt from there; its number is `sync_id` of the rows in `runs`.',
      cause: thrown,
    });
  }
}
