import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GeneratedFile, header } from '../../src/models/header.ts';
import { checkStale, writeModels } from '../../src/models/write.ts';

const folders = { root: 'models/dinmo', modelPaths: ['models'] };

let home: string;
let project: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dinmo-write-'));
  project = join(home, 'project');
  mkdirSync(join(project, 'models'), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true }));

function generated(path: string, body = 'select 1'): GeneratedFile {
  return { path, content: `${header(path, [])}${body}\n` };
}

function put(path: string, content: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), content);
}

const read = (path: string): string => readFileSync(join(project, path), 'utf8');
const vip = generated('models/dinmo/segments/segment_vip.sql');
const old = generated('models/dinmo/segments/segment_old.sql');

describe('writing generated models', () => {
  test('writes once, then changes only what differs', () => {
    expect(writeModels(project, [vip, old], folders).written).toEqual([old.path, vip.path]);
    const changed = { ...vip, content: `${vip.content}-- more\n` };
    expect(writeModels(project, [changed, old], folders)).toEqual({
      written: [vip.path],
      unchanged: [old.path],
      removed: [],
      refused: [],
    });
    expect(read(vip.path)).toBe(changed.content);
    expect(readdirSync(join(project, 'models/dinmo/segments'))).toHaveLength(2);
  });

  test('line ends that a checkout changed are no difference', () => {
    put(vip.path, vip.content.replaceAll('\n', '\r\n'));
    expect(checkStale(project, [vip], folders)).toEqual([]);
  });

  test('removes its own files that are no longer wanted, wherever they went before, and the folders they leave empty', () => {
    const elsewhere = generated('models/marts/cdp/segment_moved.sql');
    writeModels(project, [vip, old], folders);
    put(elsewhere.path, elsewhere.content);
    expect(checkStale(project, [vip], folders).map(({ path, reason }) => `${path} ${reason}`)).toEqual([
      `${old.path} left-over`,
      `${elsewhere.path} left-over`,
    ]);
    expect(writeModels(project, [vip], folders).removed).toEqual([old.path, elsewhere.path]);
    expect(existsSync(join(project, 'models/marts'))).toBe(false);
    expect(writeModels(project, [], folders).removed).toEqual([vip.path]);
    expect(existsSync(join(project, 'models/dinmo'))).toBe(false);
    expect(existsSync(join(project, 'models'))).toBe(true);
  });

  test('neither overwrites nor removes what it did not write', () => {
    put(vip.path, 'select 1 as mine\n');
    put('models/dinmo/segments/my_copy.sql', vip.content);
    put('models/dinmo/notes.yml', 'version: 2\n');
    const report = writeModels(project, [vip], folders);
    expect(report).toMatchObject({ written: [], removed: [], refused: [{ path: vip.path, reason: 'foreign' }] });
    expect(read(vip.path)).toBe('select 1 as mine\n');
    expect(read('models/dinmo/segments/my_copy.sql')).toBe(vip.content);
    expect(checkStale(project, [vip], folders)).toEqual([{ path: vip.path, reason: 'foreign' }]);
  });

  test('replaces its own file that was edited by hand, which check calls stale', () => {
    writeModels(project, [vip], folders);
    put(vip.path, `${read(vip.path)}-- edited\n`);
    expect(checkStale(project, [vip], folders)).toEqual([{ path: vip.path, reason: 'differs' }]);
    expect(writeModels(project, [vip], folders).written).toEqual([vip.path]);
    expect(read(vip.path)).toBe(vip.content);
  });

  test('stays inside the project, whatever paths and links say', () => {
    const outside = join(home, 'outside');
    mkdirSync(outside);
    const stranger = generated('segment_x.sql');
    writeFileSync(join(outside, 'segment_x.sql'), stranger.content);
    expect(() => writeModels(project, [generated('../outside/segment_y.sql')], folders)).toThrow(
      expect.objectContaining({ code: 'generated-outside-project' }),
    );
    symlinkSync(outside, join(project, 'models/dinmo'));
    expect(writeModels(project, [generated('models/dinmo/segment_y.sql')], folders).refused).toMatchObject([
      { reason: 'outside' },
    ]);
    expect(readdirSync(outside)).toEqual(['segment_x.sql']);
    writeFileSync(join(outside, 'mine.txt'), 'mine');
    symlinkSync(join(outside, 'mine.txt'), join(project, 'models/segment_z.sql'));
    expect(writeModels(project, [generated('models/segment_z.sql')], folders).refused).toMatchObject([
      { reason: 'not-a-file' },
    ]);
    expect(readFileSync(join(outside, 'mine.txt'), 'utf8')).toBe('mine');
  });
});
