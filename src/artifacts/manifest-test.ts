import { type Loose, mapAt, textAt, textsAt } from './json-file.ts';
import { type ManifestEntry, partText } from './manifest-file.ts';
import type { ReferenceIndex } from './reference.ts';

export interface ManifestTest {
  readonly uniqueId: string;
  /** unique, not_null, relationships, accepted_values, unique_combination_of_columns …; null for a singular test. */
  readonly testName: string | null;
  readonly namespace: string | null;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly columnName: string | null;
  /** The node it tests, resolved also for tests on sources; null when it can't be told. */
  readonly attachedNode: string | null;
  /** For `relationships`: the other node, resolved whatever the order of depends_on; null when it can't be told. */
  readonly targetNode: string | null;
  readonly severity: 'error' | 'warn';
  readonly where: string | null;
  readonly enabled: boolean;
  readonly dependsOn: readonly string[];
}

/** What a test is resolved with. */
export interface KnownNodes {
  readonly index: ReferenceIndex;
  readonly disabled: ReadonlySet<string>;
}

/** Turns one test node of a manifest into our shape, with both its ends resolved. */
export function readTest(entry: ManifestEntry, enabled: boolean, known: KnownNodes): ManifestTest {
  return new LazyTest(entry, enabled, known);
}

type TestDetails = Pick<ManifestTest, 'namespace' | 'kwargs' | 'columnName' | 'targetNode' | 'where' | 'dependsOn'>;

/** A test that is parsed when more is asked for than what every test is asked. That may throw DinmoError `manifest-unreadable`. */
class LazyTest implements ManifestTest {
  readonly uniqueId: string;
  readonly testName: string | null;
  readonly #entry: ManifestEntry;
  readonly #isOn: boolean;
  readonly #known: KnownNodes;
  #attachedNode: string | null | undefined;
  #read: TestDetails | null = null;

  constructor(entry: ManifestEntry, enabled: boolean, known: KnownNodes) {
    this.uniqueId = entry.uniqueId;
    this.testName = partText(entry, 'test_metadata.name');
    this.#entry = entry;
    this.#isOn = enabled;
    this.#known = known;
  }

  get attachedNode(): string | null {
    if (this.#attachedNode === undefined) this.#attachedNode = this.#findAttached();
    return this.#attachedNode;
  }

  get enabled(): boolean {
    return this.#isOn && !(this.attachedNode !== null && this.#known.disabled.has(this.attachedNode));
  }

  get severity(): 'error' | 'warn' {
    return partText(this.#entry, 'config.severity')?.toLowerCase() === 'warn' ? 'warn' : 'error';
  }

  get namespace(): string | null {
    return this.#details.namespace;
  }

  get kwargs(): Readonly<Record<string, unknown>> {
    return this.#details.kwargs;
  }

  get columnName(): string | null {
    return this.#details.columnName;
  }

  get targetNode(): string | null {
    return this.#details.targetNode;
  }

  get where(): string | null {
    return this.#details.where;
  }

  get dependsOn(): readonly string[] {
    return this.#details.dependsOn;
  }

  #findAttached(): string | null {
    if (this.testName === null) return null;
    return partText(this.#entry, 'attached_node') ?? attached(testNode(this.#entry.whole()), this.#known.index);
  }

  get #details(): TestDetails {
    this.#read ??= this.#readDetails();
    return this.#read;
  }

  #readDetails(): TestDetails {
    const node = this.#entry.whole();
    const test = testNode(node);
    return {
      namespace: textAt(mapAt(node, 'test_metadata'), 'namespace'),
      kwargs: test.kwargs,
      columnName: textAt(node, 'column_name') ?? textAt(test.kwargs, 'column_name'),
      targetNode: this.testName === 'relationships' ? target(test, this.attachedNode, this.#known.index) : null,
      where: textAt(mapAt(node, 'config'), 'where'),
      dependsOn: test.dependsOn,
    };
  }
}

interface TestNode {
  readonly kwargs: Loose;
  readonly dependsOn: readonly string[];
  readonly packageName: string;
}

function testNode(node: Loose): TestNode {
  return {
    kwargs: mapAt(mapAt(node, 'test_metadata'), 'kwargs'),
    dependsOn: textsAt(mapAt(node, 'depends_on'), 'nodes'),
    packageName: textAt(node, 'package_name') ?? '',
  };
}

/** `attached_node` is null for tests on sources, whatever the version: then `kwargs.model` names the node. */
function attached({ kwargs, dependsOn, packageName }: TestNode, index: ReferenceIndex): string | null {
  const model = index.findText(textAt(kwargs, 'model') ?? '', packageName);
  if (model !== null) return model.uniqueId;
  return dependsOn.length === 1 ? (dependsOn[0] ?? null) : null;
}

/**
 * The other end of a `relationships` test. The order of depends_on says nothing: dbt 1.x writes the target first, dbt 2 last.
 * One dependency means that the node refers to itself.
 */
function target(
  { kwargs, dependsOn, packageName }: TestNode,
  attachedNode: string | null,
  index: ReferenceIndex,
): string | null {
  const stated = index.findText(textAt(kwargs, 'to') ?? '', packageName);
  if (stated !== null && (dependsOn.length === 0 || dependsOn.includes(stated.uniqueId))) return stated.uniqueId;
  if (attachedNode === null) return null;
  const others = dependsOn.filter((uniqueId) => uniqueId !== attachedNode);
  if (others.length === 0) return dependsOn.length === 1 ? attachedNode : null;
  return others.length === 1 ? (others[0] ?? null) : null;
}
