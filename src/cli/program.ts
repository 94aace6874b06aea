import { Command, CommanderError } from 'commander';
import { checkForm, isServiceForm, servicePrinter } from './check-forms.ts';
import { activateCommand } from './commands/activate.ts';
import { checkCommand } from './commands/check.ts';
import { cleanCommand } from './commands/clean.ts';
import { clearCommand } from './commands/clear.ts';
import { doctorCommand } from './commands/doctor.ts';
import { forgetCommand } from './commands/forget.ts';
import { generateCommand } from './commands/generate.ts';
import { impactCommand } from './commands/impact.ts';
import { initCommand } from './commands/init.ts';
import { listenCommand } from './commands/listen.ts';
import { planCommand } from './commands/plan.ts';
import { retryCommand } from './commands/retry.ts';
import { runAllCommand } from './commands/run.ts';
import { sandboxCommand } from './commands/sandbox.ts';
import { schemaCommand } from './commands/schema.ts';
import { showCommand } from './commands/show.ts';
import { statusCommand } from './commands/status.ts';
import { syncCommand } from './commands/sync.ts';
import { separateSandbox } from './options.ts';
import { Output } from './output.ts';
import { printFailure } from './session.ts';
import type { Shell } from './shell.ts';
import { stoppedBeforeAny } from './sync-output.ts';

/** Every command, in the order in which a project meets them; each loads what it needs when it runs. */
const COMMANDS: readonly ((shell: Shell, version: string) => Command)[] = [
  initCommand,
  checkCommand,
  impactCommand,
  showCommand,
  generateCommand,
  planCommand,
  syncCommand,
  runAllCommand,
  statusCommand,
  retryCommand,
  clearCommand,
  cleanCommand,
  forgetCommand,
  activateCommand,
  doctorCommand,
  schemaCommand,
  listenCommand,
  sandboxCommand,
];

const EXIT_CODES = `
Exit codes: 0 done; 1 findings, rejected rows, or stopped by gate, guard or lock;
2 usage or configuration; 3 an artifact of dbt; 4 warehouse or destination.`;

/** The program as commander describes it, which is also where docs/cli.md comes from. */
export function createProgram(shell: Shell, version: string): Command {
  const program = new Command('dinmo')
    .description('Turns a dbt project into a composable customer data platform.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'say how it is used')
    .helpCommand('help [command]', 'say how a command is used')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: (text) => shell.stderr.write(text),
      getOutHelpWidth: () => Math.min(shell.stdout.columns ?? 80, 100),
      getErrHelpWidth: () => Math.min(shell.stderr.columns ?? 80, 100),
      // Told by `runProgram`, in the form that was asked for.
      outputError: () => undefined,
    });
  for (const create of COMMANDS) program.addCommand(create(shell, version).copyInheritedSettings(program));
  return program;
}

/** Runs the command that the arguments name, and sets the exit code. */
export async function runProgram(shell: Shell, version: string): Promise<void> {
  const program = createProgram(shell, version);
  try {
    await program.parseAsync(separateSandbox(shell.argv), { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (['commander.helpDisplayed', 'commander.version'].includes(thrown.code)) return shell.setExitCode(0);
    if (thrown.code !== 'commander.help') await tellUsage(shell, version, thrown);
    else if (thrown.exitCode === 0) return shell.setExitCode(0);
    shell.setExitCode(2);
  }
}

const SYNC_FAMILY: readonly string[] = ['plan', 'sync', 'run', 'retry', 'clear'];

/** A mistake in the arguments is told as every other failure is, also as JSON. */
async function tellUsage(shell: Shell, version: string, error: CommanderError): Promise<void> {
  const { argv } = shell;
  const asked = argv.flatMap((argument, index) =>
    argument === '--output' ? [argv[index + 1] ?? ''] : (/^--output=(.*)$/s.exec(argument)?.slice(1) ?? []),
  );
  const name = argv.find((argument) => !argument.startsWith('-')) ?? '';
  const form = name === 'check' ? checkForm(asked.at(-1), shell.env) : 'text';
  const printer = isServiceForm(form) ? await servicePrinter(form, { version, prefix: '' }) : null;
  const output = new Output(shell, {
    output: printer?.output ?? (asked.includes('json') ? 'json' : 'text'),
    quiet: false,
    colour: !argv.includes('--no-color'),
    log: argv.some(
      (argument, at) => argument === '--log-format=json' || (argument === 'json' && argv[at - 1] === '--log-format'),
    )
      ? 'json'
      : 'text',
  });
  const words = printer?.words ?? (SYNC_FAMILY.includes(name) ? { failed: stoppedBeforeAny } : {});
  const [message = '', hint = ''] = error.message.replace(/^error: /, '').split('\n');
  const isCommand = error.code === 'commander.unknownCommand' || name === '';
  const help = `Run \`dinmo ${isCommand ? '' : `${name} `}--help\`.`;
  const suggestion = hint.replace(/^\((.*)\)$/, '$1').trim();
  const failure = {
    code: error.code.replace('commander.', '').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    message: sentence(message),
    fix: suggestion === '' ? help : `${sentence(suggestion)} ${help}`,
    location: null,
  };
  printFailure(output, failure, words);
}

function sentence(text: string): string {
  const capital = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
