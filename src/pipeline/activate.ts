import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Origin, Path } from '../artifacts/position.ts';
import { DinmoError } from '../errors.ts';
import { nearest } from '../finding.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';
import { addActivationBlock } from '../models/activation-block.ts';
import type { ActivateReport } from '../report/activate-report.ts';
import { type Proposal, proposeActivation } from './activation-proposal.ts';
import { loadContext } from './context.ts';
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
  const taken = store.activations.has(id);
  const proposal = taken ? NOTHING : proposeActivation(context, { owner: options.segment, name, to: options.to });
  const { mapping } = proposal;
  const added = addActivationBlock(readFileSync(path, 'utf8'), location, { name, to: options.to, mapping });
  if (added.kind === 'present' || taken) {
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
    notes: notesOf(proposal),
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

const NOTHING: Proposal = { mapping: null, findings: [], unfed: [] };

/** What is missing, and where to write it: as check will say it, and fields without which no new record can be made. */
function notesOf({ findings, unfed }: Proposal): readonly string[] {
  const said = findings.map(({ message, fix }) => `${message} ${fix}`);
  const fields = unfed.map(
    ({ name, description }) => `Nothing feeds \`${name}\` (${description}): add it to \`mapping:\`.`,
  );
  return [...said, ...fields];
}
