import { Argument, Command } from 'commander';
import { DinmoError, type ExitCode } from '../../errors.ts';
import { addGeneralOptions, addProjectOptions, type ProjectFlags, toCommandOptions } from '../options.ts';
import { runCommand, type Session } from '../session.ts';
import type { Shell } from '../shell.ts';

type Topic = 'entity' | 'segment' | 'activations' | 'platforms';

/** `dinmo show` */
export function showCommand(shell: Shell): Command {
  const command = new Command('show')
    .summary('what is known of the project, or what the platforms can do')
    .description('Prints the Knowledge Store, or one part of it. `show platforms` needs no project.')
    .addArgument(
      new Argument('[what]', 'default: everything').choices(['entity', 'segment', 'activations', 'platforms']),
    )
    .argument('[name]', 'of the entity or segment');
  addGeneralOptions(addProjectOptions(command));
  return command.action((what: Topic | undefined, name: string | undefined, flags: ProjectFlags) =>
    runCommand(shell, flags, {
      run: async (session) => {
        requireName(what, name);
        return what === 'platforms'
          ? await showPlatforms(session)
          : await showStore(session, flags, { what, name: name ?? '' });
      },
    }),
  );
}

function requireName(what: Topic | undefined, name: string | undefined): void {
  const isNamed = what === 'entity' || what === 'segment';
  if (isNamed === (name !== undefined)) return;
  throw new DinmoError({
    kind: 'configuration',
    code: isNamed ? 'missing-argument' : 'excess-arguments',
    message: isNamed ? `\`show ${what}\` needs a name.` : `\`show ${what ?? ''}\` takes no name.`,
    fix: isNamed ? `Write \`dinmo show ${what} <name>\`; \`dinmo show\` lists them.` : 'Leave it out.',
  });
}

async function showPlatforms({ output }: Session): Promise<ExitCode> {
  const { serviceLookup } = await import('../../index.ts');
  const { allServices, renderPlatforms } = await import('../../report/platforms.ts');
  const lookup = serviceLookup();
  output.result({
    text: (style) => renderPlatforms(lookup, style),
    json: () => ({ services: allServices(lookup), error: null }),
  });
  return 0;
}

async function showStore(
  { shell, output, logger }: Session,
  flags: ProjectFlags,
  topic: { readonly what?: Topic | undefined; readonly name: string },
): Promise<ExitCode> {
  const { checkProject, printable } = await import('../../index.ts');
  const report = await import('../../report/store.ts');
  const { countFindings } = await import('../../report/findings.ts');
  const { store, findings } = await checkProject({ ...toCommandOptions(shell, flags), logger });
  const errors = countFindings(findings).error;
  if (errors > 0)
    output.note(`The project has errors (${errors}): only what is sound is shown. \`dinmo check\` lists them.`);
  const { what, name } = topic;
  if (what === 'entity') report.requireEntity(store, name);
  if (what === 'segment') report.requireSegment(store, name);
  output.result({
    text: (style) => {
      if (what === 'entity') return report.renderEntity(store, name, style);
      if (what === 'segment') return report.renderSegment(store, name, style);
      return what === 'activations' ? report.renderActivations(store, style) : report.renderStore(store, style);
    },
    json: () => {
      if (what === 'entity') return { name, ...partOf(printable(store), ['entities', name]), error: null };
      if (what === 'segment') return { name, ...partOf(printable(store), ['segments', name]), error: null };
      if (what === 'activations') return { activations: partOf(printable(store), ['activations']), error: null };
      return { ...partOf(printable(store), []), error: null };
    },
  });
  return 0;
}

/** The object at a path of a JSON value. */
function partOf(json: unknown, path: readonly string[]): object {
  let part = json;
  for (const key of path) part = typeof part === 'object' && part !== null ? Reflect.get(part, key) : null;
  return typeof part === 'object' && part !== null ? part : {};
}
