/** Part of a file's text, in whole lines. */
export interface KeptLines {
  readonly text: string;
  /** The number in the file, from 1, of each line of the text. */
  readonly numbers: readonly number[];
}

const LIST_SECTION = /^(?:models|seeds|snapshots|sources):[ \t]*(?:#.*)?$/;
/** Whatever begins at the margin ends a section, except items and comments. */
const AT_MARGIN = /^[^\s#-]/;
const ITEM = /^( *)-(?:\s|$)/;
/** An anchor or an alias where a value may stand: then items can depend on each other. */
const ANCHOR = /(?:[:,\-?[{][ \t]+|[[{]|^[ \t]*)[&*]\w/m;
/** Tabs, further documents, directives: rare, and no matter of counting spaces. */
const UNUSUAL = ['\t', '\n---', '\n...', '\n%'];

/**
 * A properties file without the models, seeds, snapshots and sources in which the word does not occur: parsing YAML with
 * places is slow, and of a file's fifty models few are annotated. Places stay what they are by the lines' numbers.
 *
 * null where the whole text has to be parsed: nothing could be left out, or the file is not of the plain form, one list of
 * blocks under each section.
 */
export function annotatedLines(text: string, word: string): KeptLines | null {
  if (text.startsWith('%') || UNUSUAL.some((mark) => text.includes(mark))) return null;
  if ((text.includes('&') || text.includes('*')) && ANCHOR.test(text)) return null;
  const lines = text.split('\n');
  const kept: number[] = [];
  let section: Section | null = null;
  for (const [index, line] of lines.entries()) {
    if (AT_MARGIN.test(line)) {
      section?.end(kept);
      section = LIST_SECTION.test(line.trimEnd()) ? new Section(word) : null;
      kept.push(index);
    } else if (section === null) kept.push(index);
    else if (!section.add(index, line)) return null;
  }
  section?.end(kept);
  if (kept.length === lines.length) return null;
  return { text: kept.map((index) => lines[index]).join('\n'), numbers: kept.map((index) => index + 1) };
}

/** The items of one section, of which those are kept that mention the word. */
class Section {
  readonly #word: string;
  readonly #kept: number[] = [];
  #indent: number | null = null;
  #item: number[] = [];
  #isWanted = true;

  constructor(word: string) {
    this.#word = word;
  }

  /** False when the line fits no list of items. */
  add(index: number, line: string): boolean {
    const first = line.search(/\S/);
    if (first >= 0 && line[first] !== '#') {
      const dash = ITEM.exec(line)?.[1]?.length ?? null;
      this.#indent ??= dash;
      if (this.#indent === null || first < this.#indent) return false;
      if (first === this.#indent) {
        if (dash === null) return false;
        this.#close();
      }
    }
    this.#item.push(index);
    this.#isWanted ||= line.includes(this.#word);
    return true;
  }

  end(kept: number[]): void {
    this.#close();
    kept.push(...this.#kept);
  }

  #close(): void {
    if (this.#isWanted) this.#kept.push(...this.#item);
    this.#item = [];
    this.#isWanted = false;
  }
}
