import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** Preloaded into a command under test: writes the packages that it loads to the file that LOADED_PACKAGES names. */
const packages = new Set<string>();
registerHooks({
  load(url, context, next) {
    const [, name] = /^file:.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
    if (name !== undefined) packages.add(name);
    return next(url, context);
  },
});
process.on('exit', () => {
  writeFileSync(process.env['LOADED_PACKAGES'] ?? '', [...packages].sort().join('\n'));
});
