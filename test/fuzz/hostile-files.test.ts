import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { isGenerated } from '../../src/models/header.ts';
import { renderModels } from '../../src/models/render.ts';
import { activation, origin, segment, shop } from '../models/shop.ts';
import { HOSTILE } from './hostile.ts';

/** What a user writes stands in generated files as it was meant: dbt reads it back, and nothing of it is code. */
type Read = { readonly models?: readonly Described[]; readonly exposures?: readonly Described[] };
interface Described {
  readonly name: string;
  readonly label?: string;
  readonly description: string;
  readonly owner?: Readonly<Record<string, string>>;
}

/** As dbt renders the one form that is written, and no other. */
function rendered(text: string): string {
  const printed = text.replaceAll(/\{\{ '(\{[{%#])' \}\}/g, '\ue000$1');
  expect(printed.replaceAll(/\ue000\{[{%#]/g, '')).not.toMatch(/\{[{%#]/);
  return printed.replaceAll('\ue000', '');
}

function filesFor(text: string, path: string) {
  const hostile = segment('vip', { label: text, description: text, origin: origin(path) });
  const settings = { owner: { name: text, email: null } };
  const activations = [activation('vip.meta_customers')];
  return renderModels(shop({ segments: [segment('unsubscribed'), hostile], activations, settings }).input);
}

test.each(HOSTILE.filter((text) => text.trim() !== '' && text.isWellFormed()).map((text) => [text]))('%j', (text) => {
  const path = `dinmo/${text.slice(0, 200)}.yml`;
  const harmless = filesFor('harmless', 'dinmo/harmless.yml');
  const files = filesFor(text, path);
  expect(files.map((file) => file.path)).toEqual(harmless.map((file) => file.path));
  for (const [index, file] of files.entries()) {
    expect(isGenerated(file.path, file.content), file.path).toBe(true);
    // No character that an editor shows as something else than it is, or that no file of text may hold.
    expect(file.content, file.path).not.toMatch(ODD);
    if (!file.path.endsWith('.sql')) continue;
    const code = (content: string) => content.split('\n').filter((line) => !line.startsWith('-- '));
    expect(code(file.content), file.path).toEqual(code(harmless[index]?.content ?? ''));
    expect(file.content.replaceAll(/^-- .*$/gm, '')).not.toContain('harmless');
    for (const comment of file.content.match(/^-- .*$/gm) ?? []) expect(comment).not.toMatch(/\{[{%#]/);
  }
  const read = (name: string): Read =>
    parse(files.find((file) => file.path.endsWith(name))?.content ?? '', { version: '1.1' });
  const model = read('_segments.yml').models?.find(({ name }) => name === 'segment_vip');
  const exposure = read('_activations.yml').exposures?.[0];
  expect(rendered(model?.description ?? '')).toBe(
    `${`${text}. ${text}`.replace(/\.$/, '')}. A segment of customer.`.trim(),
  );
  expect(rendered(exposure?.label ?? '')).toBe(`${text} to meta_customers`.trim());
  expect(rendered(exposure?.owner?.['name'] ?? '')).toBe(text.trim());
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ODD = /[\0-\x08\v\f\r\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
