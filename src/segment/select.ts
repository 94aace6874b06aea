import {
  AliasNode,
  AndNode,
  ColumnNode,
  CommonTableExpressionNameNode,
  CommonTableExpressionNode,
  GroupByItemNode,
  IdentifierNode,
  JoinNode,
  type OperationNode,
  OrNode,
  ParensNode,
  QueryNode,
  RawNode,
  ReferenceNode,
  SelectionNode,
  SelectModifierNode,
  SelectQueryNode,
  sql,
  TableNode,
  WithNode,
} from 'kysely';
import type { Fragment } from '../warehouse/dialect.ts';

/** A condition of a `where`, laid out over lines where it has parts. */
export type Condition =
  | { readonly kind: 'test'; readonly expression: Fragment }
  | { readonly kind: 'all' | 'any'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition };

/** One output column: a column as it is, or an expression with a name. */
export type SelectColumn =
  | { readonly kind: 'column'; readonly table: string; readonly column: string; readonly as: string }
  | { readonly kind: 'expression'; readonly expression: Fragment; readonly as: string };

/** An output column that is a column as it is. */
export type ColumnOf = Extract<SelectColumn, { kind: 'column' }>;

/** A table, a view or a CTE with the name by which the statement calls it. */
export interface Source {
  readonly table: Fragment;
  readonly alias: string;
  /** The table's name is the alias. */
  readonly isNamed: boolean;
}

export interface Join {
  readonly kind: 'inner' | 'left';
  readonly source: Source;
  /** All must hold. */
  readonly on: readonly (readonly [Fragment, Fragment])[];
}

/** A select statement of the shape that the segment room needs. */
export interface Select {
  readonly distinct?: boolean;
  readonly columns: readonly SelectColumn[];
  readonly from: Source;
  readonly joins: readonly Join[];
  readonly where: readonly Condition[];
  readonly groupBy?: readonly Fragment[];
  readonly having?: Fragment;
}

/** A name, quoted where the warehouse needs it. */
export function id(...names: string[]): Fragment {
  return sql.id(...names);
}

/** The tree that Kysely's compilers print. */
export function toNode(select: Select): SelectQueryNode {
  let node: SelectQueryNode = SelectQueryNode.createFrom([sourceNode(select.from)]);
  if (select.distinct) node = SelectQueryNode.cloneWithFrontModifier(node, SelectModifierNode.create('Distinct'));
  node = SelectQueryNode.cloneWithSelections(node, select.columns.map(columnNode));
  for (const join of select.joins) node = QueryNode.cloneWithJoin(node, joinNode(join));
  const where = flatten('all', select.where);
  if (where.length > 0) node = QueryNode.cloneWithWhere(node, conditionNode({ kind: 'all', conditions: where }));
  if (select.groupBy && select.groupBy.length > 0) {
    const items = select.groupBy.map((expression) => GroupByItemNode.create(expression.toOperationNode()));
    node = SelectQueryNode.cloneWithGroupByItems(node, items);
  }
  return select.having ? SelectQueryNode.cloneWithHaving(node, select.having.toOperationNode()) : node;
}

/** Puts named selects in front of a statement, in order. */
export function withNamed(
  node: SelectQueryNode,
  named: readonly { readonly name: string; readonly node: SelectQueryNode }[],
): SelectQueryNode {
  const [first, ...rest] = named.map((cte) =>
    CommonTableExpressionNode.create(CommonTableExpressionNameNode.create(cte.name), cte.node),
  );
  if (!first) return node;
  const clause = rest.reduce((all, cte) => WithNode.cloneWithExpression(all, cte), WithNode.create(first));
  return { ...node, with: clause };
}

function columnNode(column: SelectColumn): SelectionNode {
  const name = IdentifierNode.create(column.as);
  if (column.kind === 'expression') {
    return SelectionNode.create(AliasNode.create(column.expression.toOperationNode(), name));
  }
  const reference = ReferenceNode.create(ColumnNode.create(column.column), TableNode.create(column.table));
  return SelectionNode.create(column.column === column.as ? reference : AliasNode.create(reference, name));
}

function sourceNode(source: Source): OperationNode {
  const table = source.table.toOperationNode();
  return source.isNamed ? table : AliasNode.create(table, IdentifierNode.create(source.alias));
}

function joinNode(join: Join): JoinNode {
  const equalities = join.on.map(([left, right]) => sql`${left} = ${right}`);
  const on = sql.join(equalities, sql.raw(' and ')).toOperationNode();
  return JoinNode.createWithOn(join.kind === 'left' ? 'LeftJoin' : 'InnerJoin', sourceNode(join.source), on);
}

/** Conditions of one kind that stand directly in each other are one list. */
function flatten(kind: 'all' | 'any', conditions: readonly Condition[]): Condition[] {
  return conditions.flatMap((condition) => {
    if (condition.kind === kind) return flatten(kind, condition.conditions);
    const single = condition.kind === 'all' || condition.kind === 'any' ? condition.conditions : [];
    return single.length === 1 ? flatten(kind, single) : [condition];
  });
}

function conditionNode(condition: Condition): OperationNode {
  switch (condition.kind) {
    case 'test':
      return condition.expression.toOperationNode();
    case 'not': {
      const inner = condition.condition;
      if (inner.kind === 'test') return sql`not (${inner.expression})`.toOperationNode();
      return RawNode.create(['not ', ''], [ParensNode.create(conditionNode(inner))]);
    }
    case 'all':
    case 'any': {
      const parts = flatten(condition.kind, condition.conditions).map((part) =>
        part.kind === 'all' || part.kind === 'any' ? ParensNode.create(conditionNode(part)) : conditionNode(part),
      );
      const join = condition.kind === 'all' ? AndNode.create : OrNode.create;
      return parts.reduce((left, right) => join(left, right));
    }
  }
}
