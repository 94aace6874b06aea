import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { simulatedPlatforms } from '../../src/sandbox/platforms.ts';

test('every folder of the room is a registered platform, and the other way round', () => {
  const room = join(import.meta.dirname, '../../src/sandbox');
  const folders = readdirSync(room, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map((folder) => folder.name).sort()).toEqual([...simulatedPlatforms.keys()].sort());
});
