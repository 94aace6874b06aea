import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { runDbt } from '../dbt.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
/** The environment of the tests. */
const OWN = '.venv';

/** A dbt project as dbt left it, with every artifact, to be damaged one file at a time. */
export class FuzzProject {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), content);
  }

  remove(path: string): void {
    rmSync(join(this.folder, path), { recursive: true, force: true });
  }

  /** Every file with its content, to see that nothing was written. */
  files(): ReadonlyMap<string, string> {
    const names = readdirSync(this.folder, { recursive: true, withFileTypes: true });
    const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return new Map(paths.sort().map((path) => [path, readFileSync(path, 'latin1')]));
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs the dbt of an environment of this repository in a copy of a project: build, then the catalog. */
export async function buildProject(
  from: string,
  options: { readonly environment?: string; readonly commands?: readonly string[] } = {},
): Promise<FuzzProject> {
  const { environment = OWN, commands = ['build', 'docs generate'] } = options;
  const folder = mkdtempSync(join(tmpdir(), 'dinmo-fuzz-'));
  cpSync(join(ROOT, from), folder, { recursive: true });
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, DBT_SEND_ANONYMOUS_USAGE_STATS: '0', DO_NOT_TRACK: '1' };
  for (const command of commands) {
    const args = ['--quiet', ...command.split(' '), '--profiles-dir', folder];
    if (environment !== OWN)
      await run(join(ROOT, environment, 'bin/dbt'), args, { cwd: folder, env, maxBuffer: 10_000_000 });
    else {
      const { code, stdout, stderr } = await runDbt({ args, cwd: folder, env });
      if (code !== 0) throw new Error(stdout + stderr);
    }
  }
  return new FuzzProject(folder);
}

/** A manifest without what nobody reads of it and what makes it large: macros' SQL and dbt's own docs. */
export function slimmed(manifest: string): string {
  const root = JSON.parse(manifest) as Record<string, unknown>;
  const own = Object.entries((root['macros'] ?? {}) as Record<string, unknown>).filter(
    ([id]) => !/^macro\.dbt(_\w+)?\./.test(id),
  );
  return JSON.stringify({ ...root, macros: Object.fromEntries(own.slice(0, 3)), docs: {}, child_map: {} });
}
