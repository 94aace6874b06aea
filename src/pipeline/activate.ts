import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Origin, Path } from '../artifacts/position.ts';
import { DinmoError } from '../errors.ts';
import { nearest } from '../finding.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';
import { addActivationBlock } from '../models/activation-block.ts';
import type { ActivateReport } from '../report/activate-report.ts';
import { type Context, loadContext } from './context.ts';
import type { CommandOptions } from './options.ts';

/** Options of activate. */
export interface ActivateOptions extends CommandOptions {
  /** A segment or an entity. */
  readonly segment: string;
  /** A destination of dinmo.yml. */
  readonly to: string;
  /** Default: the destination's name. */
  readonly name?: string;
}

/**
 * Writes an activation into the YAML that holds the segment or entity; everything else in the file stays as it is.
 * Throws DinmoError `unknown-segment`, `unknown-destination`, `invalid-name`, `activation-exists`, `activation-unwritable`.
 */
export async function activateSegment(options: ActivateOptions): Promise<ActivateReport> {
  const context = await loadContext(options);
  const { store, project } = context;
  const owner = findOwner(store, options.segment);
  const destination = store.destinations.get(options.to);
  if (destination === undefined) throw unknown('destination', options.to, [...store.destinations.keys()]);
  const name = options.name ?? options.to;
  requireName(name);
  const id = `${options.segment}.${name}`;
  const location = owner.origin.locate(owner.at);
  const path = join(project.dir, location.file);
  if (!/\.ya?ml$/.test(location.file)) throw unwritable(options, location, 'it is not stated in YAML');
  const added = addActivationBlock(readFileSync(path, 'utf8'), location, { name, to: options.to });
  if (added.kind === 'present' || store.activations.has(id)) {
    throw new DinmoError({
      kind: 'configuration',
      code: 'activation-exists',
      message: `${options.segment} has an activation ${name} already.`,
      fix: 'Edit it where it stands, or give another name with --name.',
      location,
    });
  }
  if (added.kind === 'impossible')
    throw unwritable(
      options,
      location,
      'the block is not shaped so that it could be added without touching anything else',
    );
  writeFileSync(path, added.text);
  const isOwnFile = project.settings.paths.some(
    (folder) => location.file.startsWith(folder.replace(/\/?$/, '/')) || location.file === folder,
  );
  return {
    activation: id,
    file: location.file,
    line: added.line,
    text: added.block,
    notes: neededFields(context, options.to),
    next: [...(isOwnFile ? [] : ['`dbt parse`']), '`dinmo check`', '`dinmo generate`', '`dbt build`', '`dinmo plan`'],
  };
}

function findOwner(store: KnowledgeStore, name: string): { readonly origin: Origin; readonly at: Path } {
  const segment = store.segments.get(name);
  if (segment !== undefined) return segment;
  const entity = store.entities.get(name);
  if (entity !== undefined) return { origin: entity.origin, at: [] };
  throw unknown('segment', name, [...store.segments.keys(), ...store.entities.keys()]);
}

function unknown(what: 'segment' | 'destination', name: string, known: readonly string[]): DinmoError {
  const near = nearest(name, known);
  const list =
    known.length === 0
      ? `There is none yet${what === 'destination' ? ': add one to dinmo.yml' : ''}.`
      : `There are: ${known.join(', ')}.`;
  return new DinmoError({
    kind: 'configuration',
    code: `unknown-${what}`,
    message: `The project has no ${what === 'segment' ? 'segment or entity' : what} ${name}.`,
    fix: near === null ? list : `Did you mean ${near}?`,
  });
}

function requireName(name: string): void {
  if (/^[a-z][a-z0-9_]{0,39}$/.test(name)) return;
  throw new DinmoError({
    kind: 'configuration',
    code: 'invalid-name',
    message: 'The name of the activation is not valid.',
    fix: 'Names begin with a lower-case letter and have up to 40 lower-case letters, digits and underscores.',
  });
}

function unwritable(options: ActivateOptions, location: DinmoError['location'], reason: string): DinmoError {
  return new DinmoError({
    kind: 'configuration',
    code: 'activation-unwritable',
    message: `The activation cannot be written for you: ${reason}.`,
    fix: `Add to the block of ${options.segment}: \`activations: {${options.name ?? options.to}: {to: ${options.to}}}\`.`,
    location,
  });
}

/** What a mapping has to say, where the service cannot derive it. */
function neededFields({ store, services }: Context, name: string): readonly string[] {
  const destination = store.destinations.get(name);
  const facts = destination === undefined ? null : services.facts(destination.platform, destination.service);
  if (facts === null) return [];
  const required = facts.fields.known.filter((field) => field.required).map((field) => field.name);
  const notes: string[] = [];
  if (facts.defaultMapping === 'none')
    notes.push('This service needs a `mapping:`, which says which column feeds which field.');
  if (required.length > 0) notes.push(`Its mapping has to feed: ${required.join(', ')}.`);
  return notes;
}
