import type { ActivationBlock } from '../artifacts/annotation.ts';
import type { Path } from '../artifacts/position.ts';
import type { Project } from '../artifacts/project.ts';
import type { SourceLocation } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { FindingDoc } from '../knowledge/finding-doc.ts';
import type { ServiceFacts, ServiceLookup } from '../knowledge/service-facts.ts';
import type { Activation, Destination, KnowledgeStore } from '../knowledge/store.ts';

/** Everything that a check may look at: no disk, no network, no clock. */
export interface CheckContext {
  /** `checkable` of the built knowledge: also the entities whose key is not known (`primaryKey` empty). */
  readonly store: KnowledgeStore;
  readonly project: Project;
  readonly services: ServiceLookup;
  /** What resolving every rule of this store found (`resolveRules`). */
  readonly resolveFindings: readonly Finding[];
  /** Targets of the profile; null where no profile was read. */
  readonly targetNames: readonly string[] | null;
}

/**
 * One thing that `dinmo check` looks at. To add one: a file in this folder that exports a `Check`, and a line in
 * `registry.ts`; docs/checks.md is written from `docs`.
 */
export interface Check {
  /** The file's name. */
  readonly name: string;
  /** Each kind of finding that it reports: code, severity, why, fix, an example with the problem and one without. */
  readonly docs: readonly FindingDoc[];
  /** Never throws for what a user wrote. */
  run(context: CheckContext): readonly Finding[];
}

/** An activation with its destination and what the service can do. */
export interface Target {
  readonly activation: Activation;
  readonly destination: Destination;
  readonly facts: ServiceFacts;
}

/** Every activation with its target, disabled ones too: they still hold their keys and audiences. */
export function targets(context: CheckContext): readonly Target[] {
  return [...context.store.activations.values()].flatMap((activation) => {
    const destination = context.store.destinations.get(activation.destination);
    if (destination === undefined) return [];
    const facts = context.services.facts(destination.platform, destination.service);
    return facts === null ? [] : [{ activation, destination, facts }];
  });
}

/** Where a key of an activation's block stands; the block where the key is not stated. */
export function placeOf(activation: Activation, ...path: Path): SourceLocation {
  return activation.origin.locate([...activation.at, ...path]);
}

/** Where a key of a destination's block in dinmo.yml stands. */
export function settingPlace(destination: Destination, ...path: Path): SourceLocation {
  return destination.origin.locate(['destinations', destination.name, ...path]);
}

/** The activation as the user wrote it, before defaults; null where it cannot be found again. */
export function statedBlock(context: CheckContext, activation: Activation): ActivationBlock | null {
  const { origin, parent, name } = activation;
  for (const annotation of context.project.annotations) {
    if (annotation.origin !== origin || annotation.kind === 'column' || annotation.kind === 'custom_attribute')
      continue;
    if (annotation.kind !== 'entity') return annotation.block.activations[name] ?? null;
    const owner = parent.kind === 'entity' ? annotation.block : annotation.block.segments[parent.name];
    return owner?.activations[name] ?? null;
  }
  return null;
}
