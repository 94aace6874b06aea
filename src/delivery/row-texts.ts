import type { Operation } from '../artifacts/annotation.ts';
import { type OutgoingChange, parseFields } from './outgoing.ts';

/** Neighbouring changes. */
export interface Span {
  readonly lo: number;
  readonly hi: number;
}

/** What stands between two rows: a comma for whoever reads JSON, a line break, which no JSON text of a row has, for us. */
const BETWEEN = ',\n';

/** A key that is a string, an object of plain values, or a number or boolean. */
const KEY = /^(?:"(?:[^"\\]|\\.)*"|\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}|[^,{}"]+)/;

/**
 * Whole rows as the warehouse wrote them, one JSON text each, side by side: for services that pass rows on as they are. The
 * single rows are made when somebody asks for them, which is when some of them are refused.
 */
export class RowTexts implements Span {
  readonly lo: number;
  readonly hi: number;
  readonly operation: Operation;
  readonly text: string;
  #rows: readonly OutgoingChange[] | null = null;

  /** `text`: `{"key":…,"fields":…}` or `{"key":…}` of the changes from `lo` to `hi`, without gaps. */
  constructor(span: Span & { readonly operation: Operation; readonly text: string }) {
    this.lo = span.lo;
    this.hi = span.hi;
    this.operation = span.operation;
    this.text = span.text;
  }

  get size(): number {
    return this.hi - this.lo + 1;
  }

  get rows(): readonly OutgoingChange[] {
    this.#rows ??= this.text.split(BETWEEN).map((text, index) => this.#row(text, this.lo + index));
    return this.#rows;
  }

  #row(text: string, seq: number): OutgoingChange {
    const begin = '{"key":'.length;
    const keyJson = KEY.exec(text.slice(begin))?.[0] ?? 'null';
    const fieldsJson =
      this.operation === 'delete' ? null : text.slice(begin + keyJson.length + ',"fields":'.length, -1);
    return {
      seq,
      part: 'whole',
      operation: this.operation,
      key: keyJson.startsWith('"') ? (JSON.parse(keyJson) as string) : keyJson,
      keyJson,
      fieldsJson,
      fields: () => (fieldsJson === null ? null : parseFields(fieldsJson)),
      identifiers: [],
      recordId: null,
      previousKey: null,
      eventTime: null,
    };
  }
}
