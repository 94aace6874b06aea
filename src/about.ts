import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What package.json says of this package. */
export interface About {
  readonly version: string;
  /** `engines.node`: `>=22.18`. */
  readonly node: string;
}

/** The folder of package.json above this code: it stands beside src/, and beside dist/ however deep the build puts this in it. */
function packageFolder(): URL {
  let folder = new URL('./', import.meta.url);
  for (let above = new URL('../', folder); above.href !== folder.href; above = new URL('../', folder)) {
    if (existsSync(new URL('package.json', folder))) break;
    folder = above;
  }
  return folder;
}

/** A file that this package brings along, by its path in it. Throws what `readFileSync` throws. */
export function packageFile(path: string): { readonly path: string; text(): string } {
  const url = new URL(path, packageFolder());
  return { path: fileURLToPath(url), text: () => readFileSync(url, 'utf8') };
}

/** Reads package.json. */
export function readAbout(): About {
  const content: unknown = JSON.parse(packageFile('package.json').text());
  const { version, engines } = content as { readonly version: string; readonly engines: { readonly node: string } }; // our own file
  return { version, node: engines.node };
}
