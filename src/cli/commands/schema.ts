import { Argument, Command } from 'commander';
import { packageFile } from '../../about.ts';
import { addGeneralOptions, type GeneralOptions } from '../options.ts';
import { runCommand } from '../session.ts';
import type { Shell } from '../shell.ts';

/** The schemas that the package brings along. */
const SCHEMAS = {
  meta: 'the block `meta.dinmo` of a model or a column',
  dinmo: 'dinmo.yml',
  segments: 'files of the folder dinmo/',
  properties: 'dbt’s properties files (models/*.yml), with `meta.dinmo`',
} as const;
type SchemaName = keyof typeof SCHEMAS;

/** `dinmo schema` */
export function schemaCommand(shell: Shell): Command {
  const names = Object.keys(SCHEMAS);
  const command = new Command('schema')
    .summary('JSON Schemas of what you write, for editors')
    .description(
      'Prints a JSON Schema (draft-07) of what you write; without a name, which there are and where they stand.',
    )
    .addArgument(new Argument('[name]', 'of the schema').choices(names));
  return addGeneralOptions(command).action((name: SchemaName | undefined, flags: GeneralOptions) =>
    runCommand(shell, flags, {
      async run({ output }) {
        const listed = Object.entries(SCHEMAS).map(([each, description]) => {
          const { path } = packageFile(`schemas/${each}.schema.json`);
          return { name: each, description, path };
        });
        const schema = name === undefined ? null : packageFile(`schemas/${name}.schema.json`).text();
        output.result({
          text: (style) =>
            schema ??
            listed.map((each) => `${style.bold(each.name)}  ${each.description}\n    ${each.path}`).join('\n'),
          json: () =>
            schema === null ? { schemas: listed, error: null } : { schema: JSON.parse(schema), error: null },
        });
        return 0;
      },
    }),
  );
}
