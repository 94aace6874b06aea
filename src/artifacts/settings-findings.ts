import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../finding.ts';
import type { DestinationBlock } from './settings-destination.ts';
import type { YamlFile } from './yaml-file.ts';

interface Stated {
  readonly paths: readonly string[];
  readonly destinations: ReadonlyMap<string, DestinationBlock>;
}

/** What is only seen beside the file: how a value is written, and whether a folder is there. */
export function settingsFindings(projectDir: string, file: YamlFile, settings: Stated): readonly Finding[] {
  return [...misreadNumbers(file, settings), ...missingFolders(projectDir, file, settings)];
}

/** `0123456789` is a number that has lost its zero: the account of somebody else. */
function misreadNumbers(file: YamlFile, { destinations }: Stated): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { name, config } of destinations.values()) {
    for (const [key, value] of Object.entries(config)) {
      const path = ['destinations', name, 'config', key];
      const text = typeof value === 'number' ? file.plainTextAt(path) : null;
      if (text === null || text === String(value)) continue;
      findings.push({
        code: 'invalid-value',
        severity: 'error',
        message: `\`${text.slice(0, 60)}\` without quotes is the number ${value}.`,
        fix: `Write \`"${text.slice(0, 60)}"\` if it is meant as text, else \`${value}\`.`,
        location: file.locate(path),
      });
    }
  }
  return findings;
}

/** The usual folder need not be there. */
function missingFolders(projectDir: string, file: YamlFile, { paths }: Stated): readonly Finding[] {
  return paths.flatMap((path, index) => {
    if (path === 'dinmo' || existsSync(join(projectDir, path))) return [];
    return {
      code: 'folder-missing',
      severity: 'warning',
      message: `\`paths\` names \`${path.slice(0, 60)}\`, which does not exist: nothing is read from it.`,
      fix: 'Correct the name, or make the folder.',
      location: file.locate(['paths', index]),
    };
  });
}
