import { existsSync, readFileSync } from 'node:fs';

/** What package.json says of this package. */
export interface About {
  readonly version: string;
  /** `engines.node`: `>=22.18`. */
  readonly node: string;
}

/** Reads the nearest package.json above this code: it stands beside src/, and beside dist/ however deep the build puts this in it. */
export function readAbout(): About {
  let folder = new URL('./', import.meta.url);
  for (let above = new URL('../', folder); above.href !== folder.href; above = new URL('../', folder)) {
    if (existsSync(new URL('package.json', folder))) break;
    folder = above;
  }
  const content: unknown = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
  const { version, engines } = content as { readonly version: string; readonly engines: { readonly node: string } }; // our own file
  return { version, node: engines.node };
}
