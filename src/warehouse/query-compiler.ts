import {
  type AndNode,
  type CommonTableExpressionNode,
  DefaultQueryCompiler,
  type GroupByNode,
  type IdentifierNode,
  type OperationNode,
  type OrNode,
  type ParensNode,
  type SelectQueryNode,
  type WhereNode,
  type WithNode,
} from 'kysely';

/**
 * Kysely's compiler, laid out for readers: one clause, column, join or condition a line, two spaces a level.
 * It knows the statements that the segment room builds: selects with `with`, joins, `where`, `group by`, `having`.
 */
export class ReadableQueryCompiler extends DefaultQueryCompiler {
  readonly #quote: (name: string) => string;
  #level = 0;

  constructor(quoteIdentifier: (name: string) => string) {
    super();
    this.#quote = quoteIdentifier;
  }

  protected override visitIdentifier(node: IdentifierNode): void {
    this.append(this.#quote(node.name));
  }

  protected override visitSelectQuery(node: SelectQueryNode): void {
    if (node.with) {
      this.visitNode(node.with);
      this.#newLine();
    }
    this.append('select');
    for (const modifier of node.frontModifiers ?? []) {
      this.append(' ');
      this.visitNode(modifier);
    }
    this.#lines(node.selections ?? []);
    for (const clause of [node.from, ...(node.joins ?? []), node.where, node.groupBy, node.having]) {
      if (!clause) continue;
      this.#newLine();
      this.visitNode(clause);
    }
  }

  protected override visitWith(node: WithNode): void {
    this.append('with');
    this.#lines(node.expressions);
  }

  protected override visitCommonTableExpression(node: CommonTableExpressionNode): void {
    this.visitNode(node.name);
    this.append(' as (');
    this.#deeper(() => {
      this.#newLine();
      this.visitNode(node.expression);
    });
    this.#newLine();
    this.append(')');
  }

  protected override visitWhere(node: WhereNode): void {
    this.append('where');
    this.#deeper(() => {
      this.#newLine();
      this.visitNode(node.where);
    });
  }

  protected override visitGroupBy(node: GroupByNode): void {
    this.append('group by ');
    this.compileList(node.items);
  }

  protected override visitAnd(node: AndNode): void {
    this.#conjunction(node, 'and ');
  }

  protected override visitOr(node: OrNode): void {
    this.#conjunction(node, 'or ');
  }

  protected override visitParens(node: ParensNode): void {
    this.append('(');
    this.#deeper(() => {
      this.#newLine();
      this.visitNode(node.node);
    });
    this.#newLine();
    this.append(')');
  }

  #conjunction(node: AndNode | OrNode, word: string): void {
    this.visitNode(node.left);
    this.#newLine();
    this.append(word);
    this.visitNode(node.right);
  }

  #lines(nodes: readonly OperationNode[]): void {
    this.#deeper(() => {
      nodes.forEach((node, index) => {
        if (index > 0) this.append(',');
        this.#newLine();
        this.visitNode(node);
      });
    });
  }

  #deeper(write: () => void): void {
    this.#level++;
    write();
    this.#level--;
  }

  #newLine(): void {
    this.append(`\n${'  '.repeat(this.#level)}`);
  }
}
