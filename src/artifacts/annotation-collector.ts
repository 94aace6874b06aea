import type { Finding } from '../finding.ts';
import type { Annotation } from './annotation.ts';
import { BlockReader } from './block-reader.ts';
import type { ManifestNode } from './manifest.ts';
import { parseColumn, parseCustomAttribute, parseEntity } from './parse-annotation.ts';
import { parseFileSegment, parseSqlSegment } from './parse-segment.ts';
import type { Path } from './position.ts';
import { isMap, type ShapeProblems } from './shape.ts';
import { parseBlock } from './shape-findings.ts';
import type { PlacedAnnotation } from './written-place.ts';
import type { BlockOrigin } from './yaml-file.ts';

/** What may stand in the annotation of a node. */
export const NODE_KEYS = ['entity', 'custom_attribute', 'segment'] as const;

/** Gathers annotations and findings from all places where they are written, and notices what is stated twice. */
export class AnnotationCollector {
  readonly annotations: Annotation[] = [];
  readonly findings: Finding[] = [];
  readonly #stated = new Map<string, BlockOrigin>();

  /** The annotation of a node, from meta or from a file. `keys`: what may stand in it. */
  addNode(node: ManifestNode, placed: PlacedAnnotation, keys: readonly string[] = NODE_KEYS): void {
    this.findings.push(...placed.findings);
    const root = { origin: placed.origin, node: node.uniqueId, ignored: placed.doubtful };
    const open = (problems: ShapeProblems): BlockReader | null =>
      BlockReader.open(placed.value, keys, { at: [], problems, what: 'An annotation' });
    this.findings.push(...parseBlock(open, root).findings);
    const { value } = placed;
    if (!isMap(value)) return;
    const at = { node, value, placed };
    this.#addPart('entity', parseEntity, at, (block, part) => ({ kind: 'entity', ...part, block }));
    this.#addPart('custom_attribute', parseCustomAttribute, at, (block, part) => ({
      kind: 'custom_attribute',
      ...part,
      block,
    }));
    this.#addPart('segment', parseSqlSegment, at, (block, part) => ({ kind: 'sql_segment', ...part, block }));
  }

  /** The annotation of a column, from meta or from a file. */
  addColumn(of: { readonly node: ManifestNode; readonly column: string }, placed: PlacedAnnotation): void {
    const node = of.node.uniqueId;
    this.findings.push(...placed.findings);
    if (
      !this.#isFirst(`${node} column ${of.column}`, `The column ${of.column} of ${of.node.name}`, placed.origin, node)
    )
      return;
    const place = { origin: placed.origin, node, ignored: placed.doubtful };
    const { block, findings } = parseBlock((problems) => parseColumn(placed.value, [], problems), place);
    this.findings.push(...findings);
    if (block !== null)
      this.annotations.push({ kind: 'column', node, column: of.column, block, origin: placed.origin });
  }

  /** A segment of a file. */
  addSegment(name: string, value: unknown, origin: BlockOrigin): void {
    const { block, findings } = parseBlock((problems) => parseFileSegment(value, [], problems), { origin });
    this.findings.push(...findings);
    if (block !== null) {
      this.annotations.push({ kind: 'segment', name, entity: block.entity, block: block.block, origin });
    }
  }

  #addPart<Block>(
    key: string,
    parse: (value: unknown, at: Path, problems: ShapeProblems) => Block | null,
    from: {
      readonly node: ManifestNode;
      readonly value: Readonly<Record<string, unknown>>;
      readonly placed: PlacedAnnotation;
    },
    toAnnotation: (block: Block, part: { readonly node: string; readonly origin: BlockOrigin }) => Annotation,
  ): void {
    const { node, value, placed } = from;
    if (!Object.hasOwn(value, key)) return;
    const origin = placed.origin.inside([key]);
    if (!this.#isFirst(`${node.uniqueId} ${key}`, `The ${key} of ${node.name}`, origin, node.uniqueId)) return;
    const ignored = placed.doubtful.filter((path) => path[0] === key).map((path) => path.slice(1));
    const { block, findings } = parseBlock((problems) => parse(value[key], [], problems), {
      origin,
      node: node.uniqueId,
      ignored,
    });
    this.findings.push(...findings);
    if (block !== null) this.annotations.push(toAnnotation(block, { node: node.uniqueId, origin }));
  }

  #isFirst(fact: string, what: string, origin: BlockOrigin, node: string): boolean {
    const first = this.#stated.get(fact);
    if (first === undefined) {
      this.#stated.set(fact, origin);
      return true;
    }
    const other = first.locateKey([]);
    this.findings.push({
      code: 'stated-twice',
      severity: 'error',
      message: `${what} is stated here and in ${other.file}:${other.line}.`,
      fix: 'Keep one of them.',
      location: origin.locateKey([]),
      node,
    });
    return false;
  }
}
